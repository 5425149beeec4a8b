"""Numbers that are barred or call too often: the agent is told, others go before, nobody is refused."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from caller_id.types import Caller, CallRate, NumberTrust
from tests.voicebot.state.servers import StateServer, other, server, shared
from voicebot.identity.barred import BarredNumbers
from voicebot.identity.marks import CallerMarks
from voicebot.metrics.registry import Metrics
from voicebot.state.call_rates import CallRates
from voicebot.state.shared import SharedState

__all__ = ["other", "server", "shared"]

NUMBER = "+48600100200"
TRUSTED, CLAIMED = Caller(NUMBER, NumberTrust.TRUNK), Caller(NUMBER)


async def test_barred_numbers_are_read_as_people_write_them_and_again_when_they_change(tmp_path: Path) -> None:
    path = tmp_path / "barred.txt"
    barred = BarredNumbers(path)
    with capture_logs() as logs:
        assert [await barred.has(NUMBER) for _ in range(2)] == [False, False]
    assert len(logs) <= 2
    path.write_text("\ufeff600 100 200  # śmieszek\n\n+4870*\n# 600 100 201\nnobody\n0048-22-1234567", encoding="utf-8")
    with capture_logs() as logs:
        found = [await barred.has(number) for number in (NUMBER, "+48700123456", "+48221234567", "+48600100201", "+48600")]
    assert found == [True, True, True, False, False]
    assert [line["why"] for line in logs if line["log_level"] == "warning"] == [f"{path}: line 5 holds no number"]
    path.write_text("600100201")
    assert [await barred.has(NUMBER), await barred.has("+48600100201")] == [False, True]


async def test_a_list_that_is_gone_for_a_moment_still_counts(tmp_path: Path) -> None:
    path = tmp_path / "barred.txt"
    path.write_text(NUMBER)
    barred = BarredNumbers(path)
    assert await barred.has(NUMBER)
    path.unlink()
    with capture_logs() as logs:
        assert [await barred.has(NUMBER) for _ in range(3)] == [True] * 3
    assert [line["why"] for line in logs] == [f"{path}: No such file or directory"]
    path.write_text("\n# nobody any more\n")
    assert not await barred.has(NUMBER)


def _none(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _large(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(17 << 20)


def _garbage(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00" * 99)


def _wrong(path: Path) -> None:
    path.write_text("number;why\n600100201;threats\n")


@pytest.mark.parametrize("spoil", [_none, _folder, _pipe, _large, _garbage, _wrong])
async def test_a_file_that_cannot_be_used_is_told_once_and_what_it_held_counts(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "barred.txt"
    path.write_text(NUMBER)
    barred = BarredNumbers(path)
    assert await barred.has(NUMBER)
    spoil(path)
    with capture_logs() as logs:
        assert [await barred.has(NUMBER) for _ in range(3)] == [True] * 3
    assert [line["event"] for line in logs].count("barred numbers cannot be read") == 1


async def test_a_file_is_tried_again_until_it_may_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rights may be mended without a change that we would see."""
    path = tmp_path / "barred.txt"
    path.write_text(NUMBER)
    barred = BarredNumbers(path)

    def refused(self: BarredNumbers) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(BarredNumbers, "_read", refused)
        assert [await barred.has(NUMBER) for _ in range(3)] == [False] * 3
    assert [line["why"] for line in logs] == [f"{path}: Permission denied"]
    assert await barred.has(NUMBER)


async def test_a_long_list_holds_no_call_up_and_comes_into_force_though_the_call_did_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read, may_go_on = tmp_path / "barred.txt", BarredNumbers._read, threading.Event()
    path.write_text(NUMBER)
    barred = BarredNumbers(path)

    def slow(self: BarredNumbers) -> object:
        may_go_on.wait(10)
        return read(self)

    monkeypatch.setattr(BarredNumbers, "_read", slow)
    assert not await barred.has(NUMBER)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await barred.has(NUMBER)
    may_go_on.set()
    async with asyncio.timeout(5):
        while not await barred.has(NUMBER):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1250"])
async def test_a_list_is_read_in_the_encodings_that_a_desk_saves(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "barred.txt"
    path.write_text(f"{NUMBER} # zażółć gęślą jaźń\n", encoding=encoding)
    assert await BarredNumbers(path).has(NUMBER)


@pytest.mark.parametrize("slip", ["*", "+*", "+48 *", "600*", ""])
async def test_a_slip_of_the_hand_bars_nobody(tmp_path: Path, slip: str) -> None:
    (tmp_path / "barred.txt").write_text(f"{slip}\n")
    assert not await BarredNumbers(tmp_path / "barred.txt").has(NUMBER)


async def test_calls_of_a_number_are_counted_by_all_processes_within_a_window(shared: SharedState, other: SharedState) -> None:
    here, there = (CallRates(each, b"key", most=2, within_s=60) for each in (shared, other))
    rates = [await here.count(NUMBER), await there.count(NUMBER), await there.count(NUMBER), await here.count(NUMBER)]
    assert rates == [None, None, CallRate(3, 60), CallRate(4, 60)]
    assert await here.count("+48600100201") is None


async def test_the_state_server_holds_no_number_and_forgets(shared: SharedState) -> None:
    rates = CallRates(shared, b"key", most=1, within_s=60)
    await rates.count(NUMBER)
    await rates.count(NUMBER)
    names = await shared.ask(lambda redis: redis.keys("*rate:*"))
    assert len(names) == 1
    assert "600100200" not in names[0]
    assert 0 < await shared.ask(lambda redis: redis.ttl(names[0])) <= 60


async def test_nobody_is_counted_while_the_state_server_is_away(shared: SharedState, server: StateServer) -> None:
    rates = CallRates(shared, b"key", most=1, within_s=60)
    await rates.count(NUMBER)
    server.kill()
    assert await rates.count(NUMBER) is None


async def test_only_the_owner_of_a_number_is_counted(shared: SharedState, tmp_path: Path) -> None:
    """Whoever shows another's number must not slow them; a barred number is told however it came."""
    (tmp_path / "barred.txt").write_text(NUMBER)
    metrics = Metrics()
    marks = CallerMarks(
        metrics, barred=BarredNumbers(tmp_path / "barred.txt"), rates=CallRates(shared, b"key", most=1, within_s=60)
    )
    assert {(await marks.mark(CLAIMED)).too_often for _ in range(5)} == {None}
    assert (await marks.mark(CLAIMED)).barred
    assert (await marks.mark(TRUSTED)).too_often is None
    marked = await marks.mark(TRUSTED)
    assert (marked.barred, marked.too_often, marked.slowed) == (True, CallRate(2, 60), True)
    assert 'voicebot_callers_marked_total{why="too_often"} 1' in metrics.render()


@pytest.mark.parametrize("caller", [Caller(), Caller(withheld=True)])
async def test_without_a_number_nobody_is_marked(caller: Caller) -> None:
    assert await CallerMarks(Metrics()).mark(caller) == caller
