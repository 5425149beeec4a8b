"""The manager interface as events: transcripts of 22.10.1, joined, over broken connections, liars and restarts."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.voicebot.ami import PASSWORD, FakeManager, Visit, block
from tests.voicebot.endpoints.sip.checking.test_tls import certificate
from tests.voicebot.state.servers import server, shared
from tests.voicebot.web.serving import AUTH, Api, api
from voicebot.ami.connection import AmiError, manager, parse_block
from voicebot.ami.settings import AmiSettings
from voicebot.outcomes.asterisk.adapter import Adapter
from voicebot.outcomes.asterisk.ami import EventLog, Listener
from voicebot.outcomes.asterisk.ami_events import Journal
from voicebot.outcomes.asterisk.queue_log import Joined, Reader
from voicebot.outcomes.asterisk.tail import Place, lines_after
from voicebot.outcomes.events import Event, How, What, outcome_of
from voicebot.tasks import cancelled

__all__ = ["api", "server", "shared"]

REF = "a-reference-of-ours-1"
QUEUES = {"cards": "cards", "payments": "payments", "600": "payments"}
RECORDED = Path(__file__).with_name("ami_22_10_1")
AT = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
"""Shortly after the transcripts."""
Fake = tuple[FakeManager, AmiSettings]


def recorded(name: str) -> list[bytes]:
    text = (RECORDED / f"{name}.txt").read_text(encoding="utf-8")
    return [each.strip().replace("\n", "\r\n").encode() + b"\r\n\r\n" for each in text.split("\n\n")]


def lines_of(blocks: list[bytes], journal: Journal | None = None) -> list[str]:
    journal = journal or Journal(QUEUES)
    return [line for each in blocks for line in journal.lines(parse_block(each), AT.timestamp())]


def events_of(lines: list[str]) -> list[Event]:
    read = Reader(Joined(), QUEUES, b"key")
    return [event for event in map(read.read, lines) if event is not None]


def said(events: list[Event]) -> list[str]:
    """One word each."""
    return [f"{each.what}:{each.queue}" + (f">{each.to_queue}" if each.what is What.PASSED_ON else "") for each in events]


FIRST = ["queued:cards", "answered:cards"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ended", [*FIRST, "ended:cards"]),
        ("abandoned", ["queued:cards", "abandoned:cards"]),
        ("blind", [*FIRST, "passed_on:cards>payments", "queued:payments", "answered:payments", "ended:payments"]),
        ("attended", [*FIRST, "passed_on:cards>payments", "answered:payments"]),
        ("attended_while_ringing", [*FIRST, "passed_on:cards>payments", "answered:payments"]),
        ("attended_by_phone", [*FIRST, "passed_on:cards>payments", "answered:payments", "ended:payments"]),
        (
            "attended_by_phone_while_ringing",
            [*FIRST, "passed_on:cards>payments", "queued:payments", "answered:payments", "ended:payments"],
        ),
        ("attended_outside", [*FIRST, "passed_on:cards>None"]),
        ("caller_gone_while_asked", [*FIRST, "ended:cards"]),  # the colleague's queue was left by the agent, not by the caller
    ],
)
def test_what_a_recorded_call_comes_to(name: str, expected: list[str]) -> None:
    blocks = recorded(name)
    events = events_of(lines_of(blocks))
    assert said(events) == expected
    assert {each.ref for each in events} == {REF}
    assert "Local/" not in str(events)
    outcome = outcome_of(REF, events)
    assert outcome.waited_s is None or 0 < outcome.waited_s < 1.1
    passed = [each for each in events if each.what is What.PASSED_ON]
    if passed:
        assert passed[0].how is (How.BLIND if name == "blind" else How.ATTENDED)
        assert (outcome.right_agent_at is not None) == (passed[0].to_queue is not None)


@pytest.mark.parametrize("name", ["ended", "blind", "attended_by_phone", "attended_by_phone_while_ringing"])
def test_a_restart_between_two_events_counts_nothing_twice(name: str) -> None:
    blocks = recorded(name)
    whole = lines_of(blocks)
    for cut in range(len(blocks)):
        if b"Event: BlindTransfer" in blocks[cut - 1] or b"Event: AttendedTransfer" in blocks[cut - 1]:
            continue  # app_queue's word on it comes some microseconds later
        before = lines_of(blocks[:cut])
        again = Journal(QUEUES)
        for line in before:
            again.replay(line)
        assert said(events_of([*before, *lines_of(blocks[cut:], again)])) == said(events_of(whole))


def test_what_was_not_heard_is_told_by_what_comes_later() -> None:
    """Times of waiting and speaking come with the end, in whole seconds."""
    whole = {each.what: each.at for each in events_of(lines_of(recorded("ended")))}
    for away in range(3):
        events = events_of(lines_of(recorded("ended")[away + 1 :]))
        assert said(events) == [*FIRST, "ended:cards"]
        assert all(abs((each.at - whole[each.what]).total_seconds()) < 1 for each in events)


def test_an_end_that_names_no_channel_is_told_when_the_caller_hangs_up() -> None:
    blocks = recorded("ended")
    (end,) = (number for number, each in enumerate(blocks) if b"AgentComplete" in each)
    kept = ("Event", "Queue", "Interface", "HoldTime", "TalkTime", "Reason")
    blocks[end] = b"".join(line + b"\r\n" for line in blocks[end].splitlines() if line.decode().startswith(kept)) + b"\r\n"
    (ended,) = (each for each in events_of(lines_of(blocks)) if each.what is What.ENDED)
    assert ended.talk_s == 2.0


@pytest.mark.parametrize("dest", ["Fail", "Threeway"])
def test_a_transfer_that_is_none(dest: str) -> None:
    blocks = [each.replace(b"DestType: Bridge", f"DestType: {dest}".encode()) for each in recorded("attended")]
    blocks = [each.replace(b"Reason: transfer", b"Reason: agent") for each in blocks]
    assert said(events_of(lines_of(blocks))) == [*FIRST, "ended:cards"]


def test_a_call_by_another_channel_is_known_by_its_linked_id_and_a_customers_number_is_not_written() -> None:
    dialled = block(Event="DialBegin", Uniqueid="7.1", Linkedid="7.1", ChanVariable=f"HANDOFF_REF={REF}")
    joined = block(Event="QueueCallerJoin", Uniqueid="7.3", Linkedid="7.1", Queue="ca|rds", CallerIDNum="+48600100200")
    blind = block(Event="BlindTransfer", Result="Success", TransfereeUniqueid="7.3", Extension="600100200")
    end = block(Event="AgentComplete", Uniqueid="7.3", Linkedid="7.1", Queue="cards", Reason="transfer", TalkTime="9")
    lines = lines_of([dialled, joined, blind, end])
    assert [each.what for each in events_of(lines)] == [What.QUEUED, What.ANSWERED, What.PASSED_ON]
    assert "600100200" not in "".join(lines)


NAMES = ["uniqueid", "transfereeuniqueid", "linkedid", "queue", "holdtime", "timestamp", "chanvariable(handoff_ref)"]
VALUES = ["", "1.1", "1.2", "nan", "1e400", "a|b", REF, "\x85", "payments"]
KINDS = ["QueueCallerJoin", "AgentConnect", "AgentComplete", "BlindTransfer", "AttendedTransfer", "Hangup"]
MESSAGES = st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES)))


@given(st.lists(MESSAGES, max_size=8))
def test_whatever_comes_makes_whole_lines(messages: list[tuple[str, dict[str, str]]]) -> None:
    journal, again = Journal(QUEUES), Journal(QUEUES)
    for kind, told in messages:
        for line in journal.lines({"result": "Success", "desttype": "Link", "event": kind, **told}, AT.timestamp()):
            assert line.endswith("\n")
            assert line.count("\n") == 1
            assert len(line.split("|")) >= 5
            again.replay(line)
    again.replay("x|y")
    again.replay("nan|1|q|m|CONNECT")


@pytest.fixture
async def fake(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fake]:
    """By TLS where the test asks for it."""
    opened = FakeManager()
    pem = certificate(tmp_path, 3) if getattr(request, "param", "plain") == "tls" else None
    if pem is not None:
        opened.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        opened.tls.load_cert_chain(pem)
    await opened.start()
    secret = SecretStr(PASSWORD)
    yield opened, AmiSettings(host="localhost", port=opened.port, password=secret, tls=pem is not None, ca_file=pem)
    await opened.stop()


@pytest.mark.parametrize("fake", ["tls"], indirect=True)
async def test_liars_and_cuts_lose_only_what_was_not_heard(
    fake: tuple[FakeManager, AmiSettings], api: Api, tmp_path: Path
) -> None:
    """One that never ends a line, one that is no Asterisk, one that refuses, one that is cut in the middle of an event; then a
    restart of ours. The API has every event once.
    """
    asterisk, settings = fake
    api.clock.now = AT
    blocks = recorded("blind")
    others = [block(Event="QueueCallerJoin", Uniqueid="9.9", Linkedid="9.9", Queue="cards", Timestamp="1795832364.0")]
    (second,) = (number for number, each in enumerate(blocks) if b"AgentConnect" in each and b"Queue: payments" in each)
    asterisk.visits.extend(
        [
            Visit(told=b"Event: " + b"x" * 200_000),
            Visit(banner=b"HTTP/1.1 400 Bad Request\r\n"),
            Visit(banner=b"A" * 100_000),
            Visit(refused=True),
            Visit(told=b"".join([*others, *blocks[:second], blocks[second][:200]])),
        ]
    )
    waited: list[float] = []
    heard = asyncio.Event()

    async def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 5:
            heard.set()

    log = EventLog(tmp_path / "ami.log")
    running = asyncio.create_task(Listener(settings, QUEUES, log, pause=pause).run())
    async with asyncio.timeout(10):
        await heard.wait()
    await cancelled(running)
    assert max(waited) >= 2.0, "the pauses grow"
    assert set(asterisk.wanted) == {"agent,call"}

    asterisk.visits.clear()
    asterisk.visits.append(Visit(told=b"".join(blocks[second + 1 :])))
    heard.clear()
    waited.clear()
    listener = Listener(settings, QUEUES, log, pause=lambda _: _set(heard))
    running = asyncio.create_task(listener.run())
    async with asyncio.timeout(10), httpx.AsyncClient(base_url=api.client.base_url, headers=AUTH) as client:
        await heard.wait()
        adapter = Adapter(client, tmp_path / "ami.log", tmp_path / "place.json", QUEUES, b"key", clock=api.clock)
        while await adapter.look():
            pass
    await cancelled(running)
    kept = api.parts.outcomes.events(REF)
    assert [each.what for each in kept] == [
        What.QUEUED, What.ANSWERED, What.PASSED_ON, What.QUEUED, What.ANSWERED, What.ENDED,
    ]  # fmt: skip
    outcome = api.parts.outcomes.of([REF])[REF]
    assert (outcome.to_queue, round(outcome.kept_s or 0)) == ("payments", 2)
    assert (tmp_path / "ami.log").stat().st_mode & 0o077 == 0


async def test_a_full_log_is_put_aside_and_read_to_its_end(tmp_path: Path) -> None:
    log, place = EventLog(tmp_path / "ami.log", most_octets=20), Place()
    seen: list[str] = []
    for number in range(6):
        log.append([f"{number}|a line\n", f"{number}|another\n"])
        while (read := lines_after(tmp_path / "ami.log", place))[0]:
            seen += read[0]
            place = read[1]
    assert [line[0] for line in seen] == list("001122334455")
    assert [line[0] for line in log.lines()] == list("22334455")


async def _set(event: asyncio.Event) -> None:
    event.set()
    await asyncio.Event().wait()


async def test_one_that_says_nothing_any_more_is_left(fake: Fake) -> None:
    asterisk, settings = fake
    async with asyncio.timeout(10):
        async with manager(settings, events="agent,call", silent_s=0.05) as opened:
            assert (await opened.event())["event"] == "FullyBooted"
            with pytest.raises(AmiError, match="silent"):
                await opened.event()
    assert asterisk.logins == 1
