"""The pages, a module for each subject. A new one is a line here."""

from __future__ import annotations

from voicebot.console.pages import (
    audit,
    calls,
    cases,
    desk,
    draft,
    figures,
    home,
    live,
    matters,
    one_call,
    people,
    person,
    releases,
    review,
    switches,
    texts,
    tokens,
)
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages

_MODULES = (
    home,
    desk,
    cases,
    switches,
    calls,
    one_call,
    draft,
    review,
    matters,
    texts,
    releases,
    figures,
    people,
    tokens,
    person,
    audit,
)


def all_pages(parts: ConsoleParts) -> list[Pages]:
    """All pages, each module's in one `Pages`."""
    return [live.pages(parts, parts.calls_health), *(each.pages(parts) for each in _MODULES)]
