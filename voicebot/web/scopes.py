"""Which scope of a token a request to the API needs."""

from __future__ import annotations

import re

from voicebot.accounts.tokens import Scope

_RULES: tuple[tuple[str, Scope], ...] = (
    (r"POST /api/handoffs/events", Scope.EVENTS),
    (r"POST /api/handoffs/[^/]+/events", Scope.EVENTS),
    (r"(GET|POST) /api/handoffs/.+", Scope.HANDOFFS),
    (r"\S+ /api/callbacks(/.*)?", Scope.CALLBACKS),
    (r"\S+ /api/chats(/.*)?", Scope.CHATS),
    (r"POST /api/waits", Scope.WAITS),
    (r"\S+ /api/switches(/.*)?", Scope.SWITCHES),
    (r"GET /api/(calls(/.*)?|survey|live)", Scope.CALLS),
    (r"\S+ /api/messages(/.*)?", Scope.MESSAGES),
    (r"GET /metrics", Scope.METRICS),
)
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), scope) for pattern, scope in _RULES)


def scope_of(method: str, path: str) -> Scope | None:
    """The scope; None: only the one token that has them all opens this."""
    request = f"{'GET' if method == 'HEAD' else method} {path}"
    return next((scope for pattern, scope in _PATTERNS if pattern.fullmatch(request)), None)
