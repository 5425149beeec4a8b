"""Linting a pack: everything wrong with its data at once, each complaint with file, line and fix.

Errors make the data wrong or unlawful to keep (broken files, one sentence under two labels, personal data); warnings make it
worse than it could be (near-duplicates, likely label errors, thin intents).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from nlu.errors import PackError
from nlu.model.training import Progress
from nlu.pack.pack import ACT_LABELS, Pack
from nlu.pack.rasa_yaml import Example, read_file
from nlu.tools.lint_rules import balance, labels, personal_data, repetition, wrong_language
from nlu.types import OUT_OF_SCOPE
from nlu.understanding.bare import read_ambiguous
from nlu.understanding.danger import read_danger
from nlu.understanding.keywords import read_keywords


class Level(StrEnum):
    """How bad a complaint is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong, where, and how to fix it. `rule` is a short stable name to filter by."""

    level: Level
    rule: str
    path: Path
    line: int | None
    what: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{place}: {self.level} [{self.rule}] {self.what}. {self.fix}"


Rule = Callable[[Sequence[Example], str, Pack], Iterator[tuple[str, str, Example, str, str]]]
"""From the examples of a language to (level, rule, where, what, fix) of each complaint."""

_RULES: tuple[tuple[str, Rule], ...] = (
    ("personal data", personal_data),
    ("near-duplicates", repetition),
    ("languages", wrong_language),
    ("balance", balance),
    ("label errors", labels),
)


def lint(pack: Pack, lang: str, progress: Progress | None = None) -> list[Complaint]:
    """All complaints about one language of a pack: errors first, by rule. Raises PackError when there are no files at all."""
    tell = progress or (lambda _share, _what: None)
    complaints: list[Complaint] = []
    _check_settings(pack, lang, complaints)
    tell(0.0, "reading")
    examples = _read(pack, lang, complaints)
    for number, (what, rule) in enumerate(_RULES):
        tell((number + 1) / (len(_RULES) + 2), what)
        for level, name, where, fault, fix in rule(examples, lang, pack):
            complaints.append(Complaint(Level(level), name, where.path, where.line, fault, fix))
    tell(1.0, "done")
    return sorted(complaints, key=lambda one: (one.level, one.rule))


def _check_settings(pack: Pack, lang: str, complaints: list[Complaint]) -> None:
    """The files beside the utterances: taxonomy, costs, keywords, named things."""
    checks: tuple[Callable[[], object], ...] = (
        lambda: pack.intents,
        lambda: pack.costs,
        lambda: pack.named_things(lang),
        lambda: read_keywords(pack.root / "keywords.yml", frozenset(pack.intents)),
        lambda: read_danger(pack.root / "danger.yml"),
        lambda: read_ambiguous(pack.root / "ambiguous.yml", pack),
    )
    for check in checks:
        try:
            check()
        except PackError as error:
            complaint = _from_error(error, "file")
            if complaint not in complaints:
                complaints.append(complaint)


def _read(pack: Pack, lang: str, complaints: list[Complaint]) -> list[Example]:
    """Every example that can be read, faults of the others added to `complaints`."""
    examples: list[Example] = []
    for path in pack.files(lang):
        try:
            examples += read_file(path, lambda error: complaints.append(_from_error(error, "mark-up"))).examples
        except PackError as error:
            complaints.append(_from_error(error, "file"))
    try:
        known = set(pack.intents) | ACT_LABELS | {OUT_OF_SCOPE}
    except PackError:
        return examples
    kept = []
    for example in examples:
        if example.intent.split("/", maxsplit=1)[0] in known:
            kept.append(example)
        else:
            fix = "Add it to intents.yml or use one that is there"
            what = f"unknown intent {example.intent!r}"
            complaints.append(Complaint(Level.ERROR, "label", example.path, example.line, what, fix))
    return kept


def _from_error(error: PackError, rule: str) -> Complaint:
    return Complaint(Level.ERROR, rule, error.path, error.line, error.what, error.fix)
