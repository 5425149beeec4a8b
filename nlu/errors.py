"""Errors of understanding: each has a stable code, and says where the fault is and how to fix it."""

from __future__ import annotations

from pathlib import Path


class NluError(Exception):
    """Base of this room's errors."""

    code = "nlu.failed"


class PackError(NluError):
    """Something in the data a person edits is wrong: the message names the file, the line and the fix."""

    code = "nlu.pack"

    def __init__(self, path: Path | str, line: int | None, what: str, fix: str) -> None:
        self.path = Path(path)
        self.line = line
        self.what = what
        self.fix = fix
        place = f"{path}:{line}" if line else f"{path}"
        super().__init__(f"{place}: {what}. {fix}")


class ModelError(NluError):
    """A stored model is damaged or of another shape than this version reads."""

    code = "nlu.model"


class SemanticMissing(NluError):
    """Sentence embeddings were asked for and the package that makes them is not installed."""

    code = "nlu.semantic"
