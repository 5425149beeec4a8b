"""What an agent's screen may know a call by beside our reference: its ids in the telephone network, and User-to-User."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress

KEY = r"^[!-~]{1,256}$"
"""Visible ASCII: holds every SIP Call-ID (RFC 3261, 25.1) that is not too long."""
_KEY = re.compile(KEY)
_REF = re.compile(r"[A-Za-z0-9_-]{16,64}")


def as_key(value: str) -> str:
    """The value of a header, if something can be found by it; "" otherwise: nothing else of strangers is kept."""
    stripped = value.strip()
    return stripped if _KEY.match(stripped) else ""


def without_parameters(user_to_user: str) -> str:
    """The data of a User-to-User header, without `;encoding=hex` and the like (RFC 7433, 4.1)."""
    return user_to_user.partition(";")[0].strip().strip('"')


def spellings(key: str) -> tuple[str, ...]:
    """All that `key` may mean: itself; as User-to-User, without its parameters; and the reference that we sent so, in hex."""
    bare = without_parameters(key)
    found = [key, bare]
    with suppress(ValueError):
        found.append(bytes.fromhex(bare).decode("ascii"))
    return tuple(dict.fromkeys(each for each in found if each))


def is_ref(key: str) -> bool:
    """Whether it has the form of our own reference."""
    return _REF.fullmatch(key) is not None


def digests(keys: Iterable[str]) -> list[str]:
    """The names under which keys are kept: of one length, and telling nothing. Hexadecimal is compared without regard to case."""
    return [hashlib.sha256(key.encode()).hexdigest() for key in dict.fromkeys(map(_folded, keys)) if key]


def _folded(key: str) -> str:
    return key.lower() if re.fullmatch(r"[0-9A-Fa-f]+", key) else key
