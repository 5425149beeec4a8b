"""queue_log as events: joined by our reference, over rotations, half lines, restarts and an API that is away."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from tests.voicebot.state.servers import server, shared
from tests.voicebot.web.serving import AUTH, NOON, TOKEN, Api, api
from voicebot.outcomes.asterisk.adapter import Adapter
from voicebot.outcomes.asterisk.queue_log import Joined, Reader
from voicebot.outcomes.asterisk.tail import Place, lines_after
from voicebot.outcomes.events import Event, How, What
from voicebot.outcomes.models import HandOffEventRow
from voicebot.outcomes.store import Outcomes
from voicebot.pace import Pace

__all__ = ["api", "server", "shared"]

REF = "a-reference-of-ours-1"
QUEUES = {"cards": "cards", "payments": "payments", "600": "payments"}
T0 = int(NOON.timestamp())
CALL = f"""\
{T0}|1764.1|cards|NONE|VOICEBOT|{REF}
{T0}|1764.1|cards|NONE|ENTERQUEUE||+48600100200|1
{T0 + 20}|1764.1|cards|PJSIP/101|CONNECT|20|1764.5|4
{T0 + 80}|1764.1|cards|PJSIP/101|BLINDTRANSFER|600|agents|20|60|1
{T0 + 81}|1764.1|payments|NONE|ENTERQUEUE||+48600100200|1
{T0 + 90}|1764.1|payments|PJSIP/102|CONNECT|9|1764.7|3
{T0 + 300}|1764.1|payments|PJSIP/102|COMPLETECALLER|9|210|1
{T0 + 5}|1764.9|cards|NONE|ENTERQUEUE||+48600100299|1
"""


def reader() -> Reader:
    return Reader(Joined(), QUEUES, b"key")


def test_a_call_that_was_passed_on() -> None:
    events = [event for event in map(reader().read, CALL.splitlines()) if event is not None]
    assert [each.what for each in events] == [
        What.QUEUED, What.ANSWERED, What.PASSED_ON, What.QUEUED, What.ANSWERED, What.ENDED,
    ]  # fmt: skip
    passed = events[2]
    assert (passed.queue, passed.to_queue, passed.how, passed.talk_s) == ("cards", "payments", How.BLIND, 60.0)
    assert events[1].agent == passed.agent
    assert events[1].agent != events[4].agent
    assert "101" not in str(passed)
    assert {each.ref for each in events} == {REF}, "the other call is not ours"


@pytest.mark.parametrize(
    ("line", "what", "to_queue"),
    [
        ("ATTENDEDTRANSFER|APP|600|20|60|1", What.PASSED_ON, "payments"),
        ("ATTENDEDTRANSFER|BRIDGE|9b1c|20|60|1", What.PASSED_ON, None),
        ("BLINDTRANSFER|600100200|out|20|60|1", What.PASSED_ON, None),
        ("ABANDON|1|1|33", What.ABANDONED, None),
        ("RINGNOANSWER|4000", None, None),
        ("ATTENDEDTRANSFER|FAIL|600", None, None),
        ("CONNECT", What.ANSWERED, None),
    ],
)
def test_what_lines_mean(line: str, what: What | None, to_queue: str | None) -> None:
    read = reader()
    read.joined.learn("1.1", REF)
    event = read.read(f"{T0}|1.1|cards|PJSIP/101|{line}")
    assert (event.what if event else None) is what
    assert event is None or event.to_queue == to_queue
    assert "600100200" not in str(event)


@given(st.text(alphabet="|0123456789.ABCNO\n\x00é", max_size=60))
def test_no_line_breaks_it(line: str) -> None:
    read = reader()
    read.joined.learn("1.1", REF)
    read.read(line)
    read.read(f"{T0}|1.1|cards|x|ATTENDEDTRANSFER|APP|{line}")


def test_half_lines_rotation_and_restarts_lose_and_repeat_nothing(tmp_path: Path) -> None:
    log, kept = tmp_path / "queue_log", tmp_path / "place.json"
    seen: list[str] = []

    def look() -> None:
        place = Place.kept(kept)  # as after a restart, each time
        while True:
            found, place = lines_after(log, place, most=2)
            if not found:
                break
            seen.extend(line.strip() for line in found)
        place.keep(kept)

    look()
    log.write_text("1\n2\n3")
    look()
    assert seen == ["1", "2"]
    with log.open("a") as file:
        file.write("3\n4\n")
    log.rename(tmp_path / "queue_log.1")
    log.write_text("5\n")
    look()
    assert seen == ["1", "2", "33", "4", "5"]
    log.write_text("")
    look()
    with log.open("a") as file:
        file.write("6\n")
    look()
    assert seen[5:] == ["6"]


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api.client.base_url, headers=AUTH) as opened:
        yield opened


async def test_the_api_has_every_event_once_though_it_was_away(api: Api, client: httpx.AsyncClient, tmp_path: Path) -> None:
    """And one event that is refused, of a clock that is wrong, keeps no other away."""
    api.clock.now = NOON + timedelta(hours=1)
    refused = f"{T0 + 9 * 86_400}|1764.1|cards|NONE|ENTERQUEUE||x|1\n"
    (tmp_path / "queue_log").write_text(CALL.replace("\n", "\n" + refused, 1))
    waited: list[float] = []
    away = [True, True]
    ways = client._transport.handle_async_request

    async def flaky(request: httpx.Request) -> httpx.Response:
        if away:
            away.pop()
            raise httpx.ConnectError("nobody listens")
        return await ways(request)

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    passing = httpx.AsyncClient(base_url=client.base_url, headers=AUTH, transport=_Through(flaky))
    for _ in range(2):  # the second has lost its place, and tells all again
        adapter = Adapter(passing, tmp_path / "queue_log", tmp_path / "place.json", QUEUES, b"key", pause=pause, clock=api.clock)
        assert await adapter.look()
        assert not await adapter.look()
        (tmp_path / "place.json").unlink()
    assert len(waited) == 2
    assert [each.what for each in api.parts.outcomes.events(REF)].count(What.ANSWERED) == 2
    outcome = api.parts.outcomes.of([REF])[REF]
    assert (outcome.waited_s, outcome.kept_s, outcome.to_queue) == (20.0, 60.0, "payments")
    await passing.aclose()


def _log_of(calls: int, *, first: int = 0) -> str:
    """Three lines, with two events, of each call; beside them what no program can read."""
    lines = []
    for number in range(first, first + calls):
        unique_id, at = f"{number}.1", T0 + number
        lines += [
            f"{at}|{unique_id}|cards|NONE|VOICEBOT|a-reference-of-call-{number:06}",
            f"{at}|{unique_id}|cards|NONE|ENTERQUEUE||x|1",
            f"{at + 20}|{unique_id}|cards|PJSIP/101|CONNECT|20|1764.5|4",
            "|||" if number % 7 else "\x00\x01 torn off|",
        ]
    return "\n".join(lines) + "\n"


KILLED = """
import asyncio, sys
from datetime import datetime
from pathlib import Path

import httpx

from voicebot.outcomes.asterisk.adapter import Adapter

url, token, log, place, now = sys.argv[1:]

async def main():
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
        clock = lambda: datetime.fromisoformat(now)
        await Adapter(client, Path(log), Path(place), {"cards": "cards"}, b"key", clock=clock).run()

asyncio.run(main())
"""


async def test_an_adapter_that_is_killed_goes_on_where_it_was_and_nothing_is_there_twice(
    api: Api, client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at the worst moment: the API has what it was told, and the adapter does not know it yet."""
    api.clock.now = NOON + timedelta(hours=1)
    log, place = tmp_path / "queue_log", tmp_path / "place.json"
    log.write_text(_log_of(400))
    outcomes, told, add = api.parts.outcomes, [], Outcomes.add

    def counted(self: Outcomes, events: Sequence[Event], received_at: datetime) -> int:
        told.append(len(events))
        new = add(self, events, received_at)
        if len(told) == 3 and new:
            adapter.kill()
        return new

    monkeypatch.setattr(Outcomes, "add", counted)
    told_to = (str(client.base_url), TOKEN, str(log), str(place), api.clock.now.isoformat())
    adapter = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, *told_to)
    assert await asyncio.wait_for(adapter.wait(), 30) == -signal.SIGKILL
    known = Place.kept(place)
    assert 0 < known.offset < log.stat().st_size
    with log.open("a") as file:
        file.write(_log_of(1, first=400))
    before = sum(told)
    again = Adapter(client, log, place, QUEUES, b"key", clock=api.clock)
    while await again.look():
        pass
    assert sum(told) - before == 802 - 2 * 250, "what was told, and known to be, is not told again"
    for number in (0, 249, 250, 374, 375, 399, 400):
        assert [each.what for each in outcomes.events(f"a-reference-of-call-{number:06}")] == [What.QUEUED, What.ANSWERED]
    with Session(outcomes._engine) as session:
        assert session.scalar(select(func.count()).select_from(HandOffEventRow)) == 802


async def test_a_log_of_years_costs_no_requests_and_a_bad_event_few(
    api: Api, client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too late to count is left out here, and told once; how far the log is read is told now and then."""
    monkeypatch.setattr("voicebot.outcomes.asterisk.adapter.Pace", partial(Pace, first_s=0.0, every_s=0.0))
    asked: list[int] = []

    async def note(request: httpx.Request) -> None:
        asked.append(1)

    client.event_hooks["request"] = [note]
    log, place = tmp_path / "queue_log", tmp_path / "place.json"
    api.clock.now = NOON + timedelta(days=30)
    log.write_text(_log_of(400))
    adapter = Adapter(client, log, place, QUEUES, b"key", clock=api.clock)
    with capture_logs() as logs:
        while await adapter.look():
            pass
        assert not await adapter.look()
    assert asked == []
    assert [(line["code"], line["count"]) for line in logs if "code" in line] == [("queue_events.late", 800)]
    far = [(line["octets"], line["of"]) for line in logs if "of" in line]
    assert far == sorted(far)
    assert far[-1] == (log.stat().st_size, log.stat().st_size)
    api.clock.now = NOON + timedelta(hours=1)
    ahead = f"{T0 + 9 * 86_400}|0.1|cards|NONE|ENTERQUEUE||x|1\n"
    log.write_text(_log_of(60) + ahead + _log_of(60, first=60))
    adapter = Adapter(client, log, tmp_path / "other.json", QUEUES, b"key", clock=api.clock)
    while await adapter.look():
        pass
    assert len(asked) <= 20, "241 events, of which one is refused"
    with Session(api.parts.outcomes._engine) as session:
        assert session.scalar(select(func.count()).select_from(HandOffEventRow)) == 240


class _Through(httpx.AsyncBaseTransport):
    def __init__(self, handle: object) -> None:
        self._handle = handle

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._handle(request)  # type: ignore[operator,no-any-return]
