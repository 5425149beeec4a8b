"""The chat page: an HTML document with a style sheet and a script of its own, in the customer's language. Nothing is fetched
from elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from fastapi import Response

from voicebot.chat.settings import ChatSettings

ASSETS: Mapping[str, str] = {
    "chat.css": "text/css; charset=utf-8",
    "chat.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
NAMES = {"pl": "Polski", "en": "English"}


class Page:
    """The page in the languages that both the line and the page's own words have; English when there is none in common."""

    def __init__(
        self, languages: Sequence[str], settings: ChatSettings, hotlines: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """`hotlines`: by language the number to call when the chat cannot be reached, see `voicebot.chat.hotline`."""
        texts = _texts()
        self._hotlines = hotlines or {}
        self.languages = tuple(language for language in languages if language in texts) or ("en",)
        self._settings = settings
        self._csp = content_security_policy(settings.origins)

    def answer(self, language: str) -> Response:
        """The page in one of its languages."""
        headers = {
            "Content-Security-Policy": self._csp,
            "Content-Language": language,
            "Vary": "Accept-Language",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        }
        return Response(self._html(language), media_type="text/html; charset=utf-8", headers=headers)

    def _html(self, language: str) -> str:
        texts = _texts()
        shown = {name: escape(text) for name, text in texts[language].items()}
        links = "".join(_language_link(other, current=other == language) for other in self.languages)
        known = {other: {**texts[other], "call": self._hotlines.get(other)} for other in self.languages}
        data = json.dumps(known, ensure_ascii=False).replace("<", "\\u003c")
        return Template(_read("page.html")).substitute(
            shown, lang=language, links=links, data=data, max_chars=self._settings.max_message_chars
        )


def content_security_policy(embedders: Sequence[str] = ()) -> str:
    """Only what the page itself brings; no inline script or style. `embedders` may show it in a frame."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {' '.join(embedders) or chr(39) + 'none' + chr(39)}",
            "require-trusted-types-for 'script'",
        )
    )


def wanted_language(asked: str | None, accepted: str, known: Sequence[str]) -> str:
    """The language asked for, else the browser's favourite among the known (RFC 9110, section 12.5.4), else the first."""
    if asked in known:
        return str(asked)
    found: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")[:20]):
        tag, _, weight = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        quality = _quality(weight)
        if language in known and quality > 0:
            found.append((-quality, place, language))
    return min(found)[2] if found else known[0]


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0


def page_words(language: str) -> Mapping[str, str]:
    """The page's own words in this language, by name; none in a language that it does not have."""
    return _texts().get(language, {})


def asset(name: str) -> Response:
    """One of the `ASSETS`."""
    return Response(_read(name), media_type=ASSETS[name])


def _language_link(language: str, *, current: bool) -> str:
    mark = ' aria-current="true"' if current else ""
    name = escape(NAMES.get(language, language))
    return f'<a href="?lang={language}" lang="{language}" hreflang="{language}"{mark}>{name}</a>'


@cache
def _read(name: str) -> str:
    return (files("voicebot.chat") / "assets" / name).read_text(encoding="utf-8")


@cache
def _texts() -> dict[str, dict[str, str]]:
    """The page's own words by language: what surrounds the conversation, never part of it."""
    loaded: dict[str, dict[str, str]] = json.loads(_read("texts.json"))
    return loaded
