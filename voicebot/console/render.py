"""Pages out of Jinja templates: escaped, in the reader's language, under a policy that lets in nothing but our own files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from voicebot.console import texts
from voicebot.console.assets import asset_path
from voicebot.console.routing import TOKEN_FIELD, PageRoute, View

CSP = "; ".join(
    (
        "default-src 'none'",
        *(f"{each} 'self'" for each in ("script-src", "style-src", "img-src", "media-src", "connect-src", "form-action")),
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
LANGUAGE_COOKIE = "voicebot-language"


class Renderer:
    """Makes pages. Templates get `view`, `t(key, …)`, `named(value, group)`, `asset(name)`, `nav`; filters `when`, `clock`,
    `seconds`, `share`, `english`.
    """

    def __init__(self, routes: Sequence[PageRoute], *, zone: tzinfo) -> None:
        """`routes` are all pages, for the list of pages; times are shown in `zone`."""
        texts.texts()  # read now, for half a second: the first reader would wait for it, and all others with them
        self._nav = sorted((route for route in routes if route.nav), key=lambda route: (route.order, route.path))
        self._environment = Environment(
            loader=PackageLoader("voicebot.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(asset=asset_path, token=_token_field)
        self._environment.tests["known_text"] = lambda key: key in texts.texts()
        self._environment.filters.update(
            english=texts.english,
            when=lambda at: _time(at, zone, "%Y-%m-%d %H:%M"),
            clock=lambda at: _time(at, zone, "%H:%M:%S"),
            seconds=seconds,
            share=share,
        )

    def text(self, language: str, key: str, **values: object) -> str:
        """See `voicebot.console.texts.text`."""
        return texts.text(language, key, **values)

    def page(self, view: View, template: str, status: int, values: Mapping[str, object]) -> Response:
        """The page for who asks for it."""
        nav = [route for route in self._nav if route.roles & view.user.roles]
        url = view.request.url
        address = f"{url.path}?{url.query}" if url.query else url.path
        html = self.html(template, view.language, view=view, nav=nav, here=url.path, address=address, **values)
        return HTMLResponse(html, status, headers=_headers(view.language))

    def plain(self, template: str, language: str, *, status: int = 200, **values: object) -> Response:
        """A page for somebody who is not logged in."""
        html = self.html(template, language, view=None, nav=(), here="", address="", **values)
        return HTMLResponse(html, status, headers=_headers(language))

    def html(self, template: str, language: str, **values: Any) -> str:
        """A template filled in."""

        def t(key: str, **inserted: object) -> str:
            return self.text(language, key, **inserted)

        def named(value: str | None, group: str) -> str:
            return texts.named(language, group, value) if value else "–"

        return self._environment.get_template(template).render(language=language, t=t, named=named, **values)


def _token_field(view: View) -> Markup:
    """The hidden field that every form needs."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(TOKEN_FIELD, view.login.form_token)


def _headers(language: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": CSP,
        "Content-Language": language,
        "Vary": "Accept-Language, Cookie",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Referrer-Policy": "same-origin",  # a form of ours must say where it came from
    }


def _time(at: datetime | None, zone: tzinfo, form: str) -> Markup:
    """A time in the bank's zone, readable by machines too; a dash where there is none."""
    if at is None:
        return Markup("–")
    local = at.astimezone(zone)
    return Markup('<time datetime="{}">{}</time>').format(local.isoformat(timespec="seconds"), local.strftime(form))


def seconds(value: float | None) -> str:
    """A duration: 7.4 s, 3 min 05 s, 2 h 10 min; a dash for None."""
    if value is None:
        return "–"
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    return f"{whole // 60} min {whole % 60:02} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02} min"


def share(value: float | None, digits: int = 1) -> str:
    """A share of one as a percentage; a dash for None."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"
