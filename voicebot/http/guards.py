"""What every request passes before the application: its client's share, the token, the length of its body."""

from __future__ import annotations

import contextlib
import hmac
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicebot.http.connections import Refused
from voicebot.http.places import client_of

log = structlog.get_logger(__name__)


class ClientShare:
    """ASGI middleware: so many requests and WebSockets at once from one client, as the proxies' header names it."""

    def __init__(self, app: ASGIApp, *, most: int, refused: Refused) -> None:
        self._app = app
        self._most = most
        self._refused = refused
        self._under_way: Counter[str] = Counter()
        self._warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, unless the client has its share."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        client = client_of((scope.get("client") or ("", 0))[0])
        if self._under_way[client] >= self._most:
            self._refused("address_full")
            await _refuse(scope, receive, send, 429, "too many requests at once from one address", {"Retry-After": "5"})
            return
        self._under_way[client] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way[client] -= 1
            if self._under_way[client] <= 0:
                del self._under_way[client]


class TokenRequired:
    """ASGI middleware: paths under `prefixes` need a bearer token (RFC 6750). It is looked at before anything of the body is
    read, and compared in constant time. Those under `own_proof` ask for a proof of their own. `token` opens everything; what
    others open is asked of `scopes_of`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        prefixes: Sequence[str],
        refused: Refused,
        own_proof: Sequence[str] = (),
        scopes_of: Callable[[str], Awaitable[frozenset[str] | None]] | None = None,
        scope_for: Callable[[str, str], str | None] = lambda _method, _path: None,
    ) -> None:
        """`scopes_of` a token: None for an unknown one. `scope_for` a method and a path: None where only `token` will do."""
        self._app = app
        self._token = token.encode()
        self._prefixes = tuple(prefixes)
        self._own_proof = tuple(own_proof)
        self._refused = refused
        self._scopes_of = scopes_of
        self._scope_for = scope_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on with a token that opens this."""
        if scope["type"] in ("http", "websocket") and self._guarded(scope["path"]):
            given = _bearer(scope)
            if not hmac.compare_digest(given.encode(), self._token):
                scopes = await self._scopes_of(given) if self._scopes_of is not None and given else None
                if scopes is None:
                    self._refused("no_token")
                    headers = {"WWW-Authenticate": "Bearer"}
                    await _refuse(scope, receive, send, 401, "send the header Authorization: Bearer <token>", headers)
                    return
                wanted = self._scope_for(scope.get("method", "GET"), scope["path"])
                if wanted is None or wanted not in scopes:
                    self._refused("no_scope")
                    await _refuse(scope, receive, send, 403, *_lacking(wanted))
                    return
        await self._app(scope, receive, send)

    def _guarded(self, path: str) -> bool:
        return _under(path, self._prefixes) and not _under(path, self._own_proof)


def _bearer(scope: Scope) -> str:
    scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def _lacking(wanted: str | None) -> tuple[str, dict[str, str]]:
    """What a token lacks (RFC 6750, 3.1)."""
    if wanted is None:
        return "only the token web.token opens this", {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{wanted}"'}
    return f"this token lacks the scope {wanted}; make one with: voicebot token add NAME --scope {wanted}", headers


def _under(path: str, prefixes: Sequence[str]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)


class BodyLimit:
    """ASGI middleware: a longer body is refused: at once if its length is told, else as soon as more than the limit has come."""

    def __init__(self, app: ASGIApp, *, octets: int, refused: Refused, by_path: Mapping[str, int] | None = None) -> None:
        """`by_path` are other limits for paths that begin so."""
        self._app = app
        self._octets = octets
        self._refused = refused
        self._by_path = dict(by_path or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is short enough."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next((octets for path, octets in self._by_path.items() if scope["path"].startswith(path)), self._octets)
        told = Headers(scope=scope).get("content-length", "0")
        detail = f"the body is longer than {limit} octets"
        if not told.isdecimal() or int(told) > limit:
            self._refused("body_too_long")
            await _refuse(scope, receive, send, 413, detail)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                self._refused("body_too_long")
                raise HTTPException(413, detail, {"Connection": "close"})
            return message

        with contextlib.suppress(ClientDisconnect):  # in the middle of its body: nobody is there to be answered
            await self._app(scope, counted, send)


class NoNul:
    """ASGI middleware: an address with a NUL in it names nothing; PostgreSQL would refuse to look for it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what can be looked for."""
        if scope["type"] in ("http", "websocket") and ("\0" in scope["path"] or b"%00" in scope.get("query_string", b"")):
            await _refuse(scope, receive, send, 404, "there is no address with a NUL in it")
            return
        await self._app(scope, receive, send)


class OneRequest:
    """ASGI middleware: every answer ends its connection, so that whoever limits connections limits requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, say in the answer that it is the last."""

        async def last(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, last)


async def _refuse(
    scope: Scope, receive: Receive, send: Send, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> None:
    """Answer, and close the connection: what the client still sends is not read."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013, "reason": detail})  # before it is accepted: answered with 403
        return
    await JSONResponse({"detail": detail}, status, headers={"Connection": "close", **(headers or {})})(scope, receive, send)
