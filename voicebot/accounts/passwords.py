"""Passwords: argon2id with OWASP's figures (19 MiB, t = 2, p = 1), hashed in a thread, two at once."""

from __future__ import annotations

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 12
LONGEST: Final = 200
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _hasher.hash("nobody has this one")
"""Checked for a name that is unknown, so that the answer takes as long."""


def hashed(password: str) -> str:
    """Its hash, some 0.1 s. Raises ValueError with what to do when it is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"a password has {SHORTEST} to {LONGEST} characters; a few words that only you put together do well")
    return _hasher.hash(password)


def fits(password: str, stored: str | None) -> bool:
    """Whether it is the one; as slow for nobody's (None)."""
    try:
        return _hasher.verify(stored or _NOBODY, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


class PasswordCheck:
    """Checks passwords beside the event loop, two at once: each costs 19 MiB."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(2)

    async def fits(self, password: str, stored: str | None) -> bool:
        """See `fits`."""
        async with self._room:
            return await asyncio.to_thread(fits, password[:LONGEST], stored)
