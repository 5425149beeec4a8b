"""Who may ask: a bearer token, compared in constant time (RFC 6750)."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from fastapi import HTTPException, Request


def token_required(token: str) -> Callable[[Request], None]:
    """A dependency that lets a request through when it carries the token."""
    expected = token.encode()

    def check(request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), expected):
            raise HTTPException(401, "send the header Authorization: Bearer <token>", {"WWW-Authenticate": "Bearer"})

    return check
