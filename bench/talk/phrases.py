"""What simulated callers say in one language, from `phrases/<lang>.yml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FOLDER = Path(__file__).parent / "phrases"
LANGUAGES = ("pl", "en")


@dataclass(frozen=True, slots=True)
class Way:
    """One way of telling a matter, and other matters that it may rightly be taken for."""

    text: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MatterPhrases:
    """A matter in callers' words; see the file for each list."""

    name: tuple[str, ...]
    about: tuple[str, ...]
    denied: tuple[str, ...]
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class Phrases:
    """All that is said in a language."""

    language: str
    matters: Mapping[str, MatterPhrases]
    lists: Mapping[str, tuple[str, ...]]
    """Everything that is not the matter itself, by the name of its list."""
    secrets: Mapping[str, tuple[str, ...]]
    """How a secret of each kind is dictated, with {digits}."""


@cache
def load_phrases(language: str) -> Phrases:
    """The phrases of one of LANGUAGES. Raises KeyError for a list that is missing."""
    data: dict[str, Any] = YAML(typ="safe").load((FOLDER / f"{language}.yml").read_text(encoding="utf-8"))
    matters, secrets = data.pop("matters"), data.pop("secrets")
    return Phrases(
        language,
        {name: _matter(lists) for name, lists in matters.items()},
        {name: tuple(lines) for name, lines in data.items()},
        {kind: tuple(lines) for kind, lines in secrets.items()},
    )


def _matter(lists: Mapping[str, list[str]]) -> MatterPhrases:
    return MatterPhrases(
        tuple(lists["name"]), tuple(lists["about"]), tuple(lists["denied"]), tuple(_way(line) for line in lists["ways"])
    )


def _way(line: str) -> Way:
    text, _, also = line.partition("|")
    return Way(text.strip(), tuple(also.split()))
