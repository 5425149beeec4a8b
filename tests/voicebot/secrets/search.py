"""Looks for planted secrets in everything that was written, in whatever form they may stand there."""

from __future__ import annotations

import base64
import html
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from voicebot.escapes import base64_texts, decoded
from voicebot.state.shared import PREFIX

PLANTED: Mapping[str, str] = {
    "PIN": "73918452",
    "PESEL": "92071314764",
    "card": "4532015112830366",
    "BLIK": "528417",
    "number": "600713294",
}
"""Each by itself; longer than needed where a short one could stand somewhere by chance."""
SECRETS = tuple(name for name in PLANTED if name != "number")

_BETWEEN = re.compile(r"(?<=\d)[\s\-./,_()]{1,3}(?=\d)")
_LAYERS = 4


@dataclass(frozen=True, slots=True, order=True)
class Leak:
    """A planted value that was found."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """A place where a value may stand, and why."""

    where: str
    """A pattern of file names' kind."""
    what: str
    why: str


def search(places: Mapping[str, bytes], allowed: tuple[Allowed, ...] = ()) -> list[Leak]:
    """What stands where it must not, by place: also in a place's name."""
    return sorted(
        Leak(where, what)
        for where, content in places.items()
        for what in found_in(where.encode() + b"\n" + content)
        if not any(fnmatch(where, each.where) and each.what == what for each in allowed)
    )


def found_in(content: bytes) -> set[str]:
    """Which of the planted values stand there: plain, spaced, escaped, and in several layers of that."""
    texts = set(_readings(content.decode("utf-8", "replace")))
    return {what for what, value in PLANTED.items() if any(_stands(value, text) for text in texts)}


def _stands(value: str, text: str) -> bool:
    alone = re.compile(rf"(?<![\w.]){value}(?!\w)" if len(value) < 8 else value)
    return bool(alone.search(text) or alone.search(_BETWEEN.sub("", text)))


def _readings(text: str) -> Iterator[str]:
    """The text, and all that it is under its escapes."""
    waiting, seen = [(text, _LAYERS)], {text}
    while waiting:
        reading, layers = waiting.pop()
        yield reading
        inside = "\n".join(plain for _, plain in base64_texts(reading))
        for plain in (decoded(reading), urllib.parse.unquote(reading), html.unescape(reading), inside):
            if layers and plain and plain not in seen:
                seen.add(plain)
                waiting.append((plain, layers - 1))


def files_under(folder: Path) -> dict[str, bytes]:
    """Every file, by its path from there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


async def state_of(redis: Redis) -> dict[str, bytes]:
    """Every key of the state server with all that it holds, by "state/" and its name."""
    found: dict[str, bytes] = {}
    async for key in redis.scan_iter(match="*"):
        name = key if isinstance(key, str) else key.decode()
        found[f"state/{name.removeprefix(PREFIX)}"] = repr(await _held(redis, name)).encode()
    return found


async def _held(redis: Any, key: str) -> object:
    match await redis.type(key):
        case "string" | b"string":
            return await redis.get(key)
        case "hash" | b"hash":
            return await redis.hgetall(key)
        case "list" | b"list":
            return await redis.lrange(key, 0, -1)
        case "set" | b"set":
            return await redis.smembers(key)
        case "zset" | b"zset":
            return await redis.zrange(key, 0, -1, withscores=True)
        case other:
            raise AssertionError(f"{key} is a {other}, which this search cannot read")


def as_basic(text: str) -> str:
    """Credentials as HTTP sends them."""
    return "Basic " + base64.b64encode(f"user:{text}".encode()).decode()
