"""Patterns of the words of all languages, made once: secrets are looked for in every language at the same time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from nlu.languages import languages
from nlu.languages.language import SecretWords, fold

_LINE = re.compile(r"\|\s+")


def folded(text: str) -> str:
    """`fold`, and every character keeps its place also where lower case is longer ("İ")."""
    plain = fold(text)
    return plain if len(plain) == len(text) else fold("".join(each if len(each.lower()) == 1 else "_" for each in text))


def alternatives(patterns: Iterable[str]) -> str:
    """The alternatives of several patterns as one; the patterns may stand on several lines."""
    return "|".join(_LINE.sub("|", each).strip() for each in patterns if each)


def whole_words(of: Callable[[SecretWords], str]) -> re.Pattern[str]:
    """One pattern of all languages, as whole words of folded text."""
    return re.compile(rf"(?<![\w<])(?:{alternatives(of(each.secrets) for each in languages().values())})(?!\w)")


def words(of: Callable[[SecretWords], Iterable[str]]) -> frozenset[str]:
    """One set of words of all languages."""
    return frozenset(word for each in languages().values() for word in of(each.secrets))
