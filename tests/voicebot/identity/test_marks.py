"""Numbers that are barred or call too often: the agent is told, others go before, nobody is refused."""

from __future__ import annotations

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
    assert await barred.has(NUMBER)
    path.write_bytes(b"\xff\xfe\x00" * 99)
    assert not await barred.has(NUMBER)


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
