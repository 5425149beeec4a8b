"""The words of the console: `texts/<page>.yml`, each key with `pl` and `en`; "calls.title" is the key `title` of calls.yml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from markupsafe import Markup, escape
from ruamel.yaml import YAML

LANGUAGES = ("pl", "en")


class UnknownText(KeyError):
    """A page asks for a text that is not there."""


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """By key, then by language. Raises ValueError where a language is missing."""
    found: dict[str, Mapping[str, str]] = {}
    for file in sorted((files("voicebot.console") / "texts").iterdir(), key=lambda each: each.name):
        if file.name.endswith(".yml"):
            page = file.name.removesuffix(".yml")
            for key, words in (YAML(typ="safe").load(file.read_text(encoding="utf-8")) or {}).items():
                if set(words) != set(LANGUAGES):
                    raise ValueError(f"texts/{file.name}: {key} needs pl and en")
                found[f"{page}.{key}"] = words
    return found


def named(language: str, group: str, value: str) -> str:
    """The word for a value of the records, like `outcome_handed_over` of words.yml; the value itself where it has none: the flow
    of a bank may end calls in words of its own.
    """
    words = texts().get(f"words.{group}_{value.replace(' ', '_')}")
    return words[language] if words is not None else value


def names(language: str, group: str) -> dict[str, str]:
    """All words of a group, by value."""
    start = f"words.{group}_"
    return {key.removeprefix(start): words[language] for key, words in texts().items() if key.startswith(start)}


def text(language: str, key: str, **values: object) -> str:
    """One text, with `values` in its {braces}. Raises UnknownText."""
    try:
        words = texts()[key][language]
    except KeyError:
        raise UnknownText(key) from None
    if any(isinstance(value, Markup) for value in values.values()):
        return escape(words).format(**values)
    return words.format(**values) if values else words


def english(told: object) -> Markup:
    """What only programs tell, marked as English for those who have the page read aloud or translated."""
    return Markup('<span lang="en">{}</span>').format(told)
