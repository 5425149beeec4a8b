"""Public keys of others (JWKS, RFC 7517), from a file or from where they publish them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey

from voicebot.errors import VoicebotError

KEEP_S = 300.0
"""Keys that were fetched are used so long."""
ASK_AGAIN_S = 60.0
"""For a key that is not known, and after a failure, they are fetched no more often than this."""
STALE_S = 3600.0
"""Where they cannot be fetched, the last ones count for so long: after that a revoked key might be among them."""
_FETCH_S = 3.0
_MOST_OCTETS = 64 * 1024
_MOST_KEYS = 50
_ALGORITHMS: Mapping[tuple[Any, Any], str] = {("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "Ed25519"}
_OLD_NAMES = {"Ed25519": "EdDSA"}  # RFC 9864

PublicKey = ECKey | OKPKey

_log = structlog.get_logger(__name__)


class KeysUnavailable(VoicebotError):
    """Somebody's public keys cannot be had just now."""

    code = "identity.keys"


class KeySource(Protocol):
    """Where public keys come from."""

    async def keys(self, kid: str | None = None) -> KeySet:
        """Those in force; looked at anew where `kid` is not among them. Raises KeysUnavailable."""
        ...


def public_keys(text: bytes | str) -> KeySet:
    """Keys that verify ES256 or Ed25519, each with its `alg`; keys of other kinds and for other uses are left out, and no secret
    one counts. Raises ValueError for what is no JWKS.
    """
    given = json.loads(text)
    listed = given.get("keys") if isinstance(given, dict) else None
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise ValueError(f"no JWKS: an object with a list `keys` of {_MOST_KEYS} at most")
    return KeySet([key for each in listed if (key := _public(each)) is not None])


def _public(given: Any) -> PublicKey | None:
    if not isinstance(given, dict) or given.get("use", "sig") != "sig" or not isinstance(given.get("kid"), str):
        return None
    algorithm = _ALGORITHMS.get((given.get("kty"), given.get("crv")))
    if algorithm is None or given.get("alg", algorithm) not in (algorithm, _OLD_NAMES.get(algorithm)):
        return None
    members = {name: given[name] for name in ("kty", "crv", "x", "y", "kid") if name in given} | {"alg": algorithm, "use": "sig"}
    try:
        return ECKey.import_key(members) if algorithm == "ES256" else OKPKey.import_key(members)
    except (JoseError, ValueError, TypeError) as error:
        raise ValueError(f"the key {given['kid'][:40]!r} cannot be read: {type(error).__name__}") from error


class KeysInFile:
    """Keys in a file, read again when it changes: a key is revoked by taking it out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int], KeySet] | None = None

    async def keys(self, kid: str | None = None) -> KeySet:
        """See `KeySource`."""
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_size)
            if self._read is None or self._read[0] != seen:
                self._read = (seen, public_keys(self._path.read_bytes()))
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            _log.error("public keys cannot be read", code=KeysUnavailable.code, file=str(self._path), why=why)
            raise KeysUnavailable("the client's public keys cannot be read here") from error
        return self._read[1]


class KeysAtUrl:
    """Keys that are fetched, kept for five minutes, and fetched again for a key that is not among them, once a minute at most."""

    def __init__(self, url: str, client: httpx.AsyncClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._client = client
        self._clock = clock
        self._kept: KeySet | None = None
        self._fetched_at = self._asked_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def keys(self, kid: str | None = None) -> KeySet:
        """See `KeySource`."""
        if self._wanted(kid) or (self._fetching.locked() and not self._known(kid)):
            async with self._fetching:
                if self._wanted(kid):  # else somebody fetched them while we waited
                    await self._fetch()
        if self._kept is None or self._clock() - self._fetched_at > STALE_S:
            raise KeysUnavailable("the client's public keys cannot be fetched just now")
        return self._kept

    def _wanted(self, kid: str | None) -> bool:
        now = self._clock()
        if now - self._asked_at < ASK_AGAIN_S:
            return False
        return not self._known(kid) or now - self._fetched_at > KEEP_S

    def _known(self, kid: str | None) -> bool:
        return self._kept is not None and (kid is None or any(key.kid == kid for key in self._kept.keys))

    async def _fetch(self) -> None:
        self._asked_at = self._clock()
        try:
            async with asyncio.timeout(_FETCH_S):
                self._kept = public_keys(await self._body())
        except (httpx.HTTPError, ValueError, TimeoutError) as error:
            _log.error("public keys cannot be fetched", code=KeysUnavailable.code, error=type(error).__name__)
        else:
            self._fetched_at = self._clock()

    async def _body(self) -> bytes:
        async with self._client.stream("GET", self._url, follow_redirects=False) as answer:
            if answer.status_code != httpx.codes.OK:
                raise ValueError("not 200")
            body = b""
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _MOST_OCTETS:
                    raise ValueError("too long")
            return body
