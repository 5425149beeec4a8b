"""Secrets that all processes of one service have in common.

A secret that is configured is used as it is. One that is not is made by whoever comes first and kept in the state server, where
the others find it; a file keeps a copy for a start without the server. The trade: whoever can read the state server, or a dump
of it, has the secret, and can tell for a given telephone number whether its hash is there. Hand-offs and callbacks in the same
server hold whole numbers anyway. Set `state.secret` and `web.token` to keep both out of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from pathlib import Path
from typing import cast

import structlog
from redis.asyncio import Redis

from voicebot.errors import ConfigError, StateError, code_of
from voicebot.state.secret_file import keep_secret, kept_secret, new_secret, read_secret
from voicebot.state.shared import PREFIX, SharedState

CALLER_MEMORY = "caller-memory"
NUMBER_HASH = "number-hash"
CALL_RATES = "call-rates"
_SALT = b"voicebot"

_log = structlog.get_logger(__name__)


def hash_of_number(secret: bytes, number: str) -> str:
    """A keyed hash of an E.164 number, to keep data under: they do not tell whose they are."""
    return hmac.new(secret, number.encode(), hashlib.sha256).hexdigest()[:32]


async def shared_secret(shared: SharedState, name: str, file: Path) -> str:
    """The secret of this name that all processes with one state server agree on; `file` keeps it for a start without the server.

    While the server is away it is what the file holds, made now when there is none. Raises ConfigError when the file cannot be
    used.
    """
    kept = await asyncio.to_thread(read_secret, file)
    offered = kept or new_secret()

    async def agree(redis: Redis) -> str:
        await redis.set(f"{PREFIX}secret:{name}", offered, nx=True)
        return cast("str", await redis.get(f"{PREFIX}secret:{name}"))

    try:
        agreed = await shared.ask(agree)
    except StateError as error:
        what = "the state server is away: a secret of this process's own is used until the next start"
        _log.warning(what, code=code_of(error), secret_name=name)
        return await asyncio.to_thread(kept_secret, file)
    if not agreed:
        raise ConfigError(f"the state server holds an empty secret. Run: DEL {PREFIX}secret:{name}")
    if agreed != kept:
        await asyncio.to_thread(keep_secret, file, agreed)
    return agreed


def derived_key(secret: str, purpose: str) -> bytes:
    """The key for one purpose, 32 octets: HKDF with SHA-256 (RFC 5869). One key does not tell the secret, nor another key."""
    return hkdf(secret.encode(), salt=_SALT, info=purpose.encode())


def hkdf(material: bytes, *, salt: bytes, info: bytes) -> bytes:
    """The first 32 octets of HKDF-SHA-256: extract, then the first block of expand."""
    extracted = hmac.new(salt or bytes(hashlib.sha256().digest_size), material, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()
