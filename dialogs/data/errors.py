"""What can be wrong with a bundle, said so that the person who edits it can fix it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: the file (relative to the bundle), its line (from 1; 0 when the whole file is meant), the place by field
    names, what is wrong and how to fix it. A `warning` does not stop the bundle from loading.
    """

    file: str
    line: int
    where: str
    what: str
    fix: str = ""
    warning: bool = False

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        text = f"{place}: {self.where}: {self.what}" if self.where else f"{place}: {self.what}"
        return f"{text}. {self.fix}" if self.fix else text


class BundleError(Exception):
    """The bundle cannot be used; `problems` are all its mistakes, by file and line."""

    code = "dialogs.bundle"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PromptMissing(LookupError):
    """No approved text of this prompt may be spoken in this language at this time."""

    code = "dialogs.prompt_missing"


class DrawingError(Exception):
    """A picture cannot be drawn: Graphviz is missing or failed."""

    code = "dialogs.drawing"
