"""The search finds what is planted: otherwise that it finds nothing would mean nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.voicebot.logs.encodings import ENCODINGS
from tests.voicebot.secrets.search import PLANTED, Allowed, Leak, files_under, search, state_of
from tests.voicebot.state.servers import server, shared
from voicebot.state.shared import SharedState

__all__ = ["server", "shared"]


@pytest.mark.parametrize("outer", ENCODINGS)
@pytest.mark.parametrize("inner", ENCODINGS)
@pytest.mark.parametrize("what", PLANTED)
def test_a_value_is_found_in_every_encoding(what: str, inner: str, outer: str) -> None:
    line = ENCODINGS[outer](ENCODINGS[inner](f"mój numer: {PLANTED[what]} koniec"))
    assert search({"log": f"2026 info {line} x\n".encode()}) == [Leak("log", what)]


@pytest.mark.parametrize("between", [" ", "-", ". ", "\n", ", ", "/"])
@pytest.mark.parametrize("group", [1, 2, 4])
@pytest.mark.parametrize("what", PLANTED)
def test_a_value_is_found_however_it_is_spaced(what: str, group: int, between: str) -> None:
    value = PLANTED[what]
    spaced = between.join(value[at : at + group] for at in range(0, len(value), group))
    assert search({"log": f"numer {spaced}.".encode()}) == [Leak("log", what)]


def test_a_value_in_the_name_of_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / f"{PLANTED['number']}.wav").write_bytes(b"")
    assert [leak.what for leak in search(files_under(tmp_path))] == ["number"]


def test_a_value_in_a_database_that_is_still_open_is_found(tmp_path: Path) -> None:
    """It stands in the write-ahead log."""
    connection = sqlite3.connect(tmp_path / "calls.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (x TEXT)")
    connection.execute("INSERT INTO t VALUES (?)", (PLANTED["card"],))
    connection.commit()
    assert {leak.what for leak in search(files_under(tmp_path))} == {"card"}
    connection.close()


async def test_a_value_in_the_state_server_is_found_in_every_kind_of_key(shared: SharedState) -> None:
    async def plant(redis: object) -> dict[str, bytes]:
        await redis.set("voicebot:text", PLANTED["PIN"])  # type: ignore[attr-defined]
        await redis.hset("voicebot:hash", "x", PLANTED["PESEL"])  # type: ignore[attr-defined]
        await redis.rpush("voicebot:list", PLANTED["card"])  # type: ignore[attr-defined]
        await redis.sadd("voicebot:set", PLANTED["BLIK"])  # type: ignore[attr-defined]
        await redis.zadd("voicebot:zset", {PLANTED["number"]: 1.0})  # type: ignore[attr-defined]
        return await state_of(redis)  # type: ignore[arg-type]

    found = search(await shared.ask(plant))
    assert found == [
        Leak("state/hash", "PESEL"),
        Leak("state/list", "card"),
        Leak("state/set", "BLIK"),
        Leak("state/text", "PIN"),
        Leak("state/zset", "number"),
    ]


def test_what_is_allowed_in_a_place_is_allowed_there_only() -> None:
    allowed = (Allowed("state/callback:*", "number", "it is called"),)
    number = PLANTED["number"].encode()
    places = {"state/callback:1": number, "state/live:1": number, "state/callback:2": PLANTED["card"].encode()}
    assert search(places, allowed) == [Leak("state/callback:2", "card"), Leak("state/live:1", "number")]


def test_figures_of_the_machine_are_no_values() -> None:
    """Times, ports, counts."""
    assert search({"log": b"2026-11-26T15:02:13.528417Z took 1528417 in voicebot-528417a"}) == []
