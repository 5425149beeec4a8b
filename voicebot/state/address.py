"""The state server's address: one server, or sentinels that tell which server has it just now (redis.io, Sentinel)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.sentinel import Sentinel
from redis.connection import parse_url
from redis.exceptions import RedisError

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
_SENTINEL_PORT = 26379


@dataclass(frozen=True, slots=True)
class Sentinels:
    """`redis+sentinel://user:password@host:26379,other:26379/service/0`. User and password are the servers'."""

    hosts: tuple[tuple[str, int], ...]
    service: str
    database: int = 0
    username: str | None = None
    password: str | None = None
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> Sentinels | None:
        """None for the address of one server. Raises ValueError, whose message holds nothing of the address."""
        parts = urlsplit(url)
        if not parts.scheme.endswith("+sentinel"):
            return None
        secret, _, places = parts.netloc.rpartition("@")
        user, _, password = secret.partition(":")
        service, _, database = parts.path.strip("/").partition("/")
        if not service or not places or parts.query or parts.fragment or not (database or "0").isdecimal():
            raise ValueError("not in the right form")
        hosts = tuple(_host(place) for place in places.split(","))
        return cls(
            hosts,
            unquote(service),
            int(database or 0),
            unquote(user) or None,
            unquote(password) or None,
            parts.scheme.startswith("rediss"),
        )


def check_address(url: str) -> None:
    """Raises ValueError for an address that no client can use."""
    if Sentinels.parse(url) is None:
        parse_url(url)  # type: ignore[no-untyped-call]


class StateClient:
    """The client of a state server, and those of its sentinels."""

    def __init__(self, url: str, **options: Any) -> None:
        """`options` are those of every connection."""
        sentinels = Sentinels.parse(url)
        self._asked: Sequence[Redis] = ()
        if sentinels is None:
            self.redis: Redis = Redis.from_url(url, **options)
            return
        timeouts = {name: value for name, value in options.items() if name.startswith("socket_") or name == "retry"}
        manager = Sentinel(  # type: ignore[no-untyped-call]
            sentinels.hosts,
            sentinel_kwargs={**timeouts, "ssl": sentinels.tls},
            ssl=sentinels.tls,
            db=sentinels.database,
            username=sentinels.username,
            password=sentinels.password,
            **options,
        )
        self._asked = manager.sentinels
        self.redis = manager.master_for(sentinels.service)

    async def close(self) -> None:
        """Disconnect from all of them."""
        for each in (self.redis, *self._asked):
            with suppress(RedisError, OSError):
                await each.aclose()
                await each.connection_pool.disconnect()


def _host(place: str) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    if not parts.hostname or parts.username is not None or parts.path:
        raise ValueError("not in the right form")
    return parts.hostname, parts.port or _SENTINEL_PORT
