"""Conversations of every kind, with secrets in every corner of them; afterwards everything that was written is searched.

Whole telephone numbers stand where `ALLOWED` says and nowhere else.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import jsonschema
import loguru
import pytest
import structlog
from redis.asyncio import Redis

from audio.errors import RecogniserError
from audio.types import Reading, Recognition
from nlu.types import Hypothesis, Understanding
from tests.voicebot.calls.test_whole_calls import Engine, Stream, speaks, world
from tests.voicebot.endpoints.memory_leg import MemoryLeg
from tests.voicebot.handoff.receiver import receiving
from tests.voicebot.logs.encodings import ENCODINGS
from tests.voicebot.running import TOKEN, RunningService, open_service
from tests.voicebot.secrets.search import PLANTED, SECRETS, Allowed, as_basic, files_under, search, state_of
from tests.voicebot.state.servers import server, shared
from voicebot.log_fields import schema
from voicebot.logs import LogFormat, configure_logs
from voicebot.softphone import Keys, Pause, UntilEnded, UntilSpeaking
from voicebot.state.shared import SharedState

__all__ = ["server", "shared"]

ALLOWED = (
    Allowed("state/callback:*", "number", "whoever calls back needs it"),
    Allowed("state/handoff:*", "number", "the agent's screen shows who calls"),
    Allowed("data/state/*", "number", "the embedded state server keeps both on its disk"),
    Allowed("log", "number", "at level debug numbers are whole, which docs/logs.md says"),
)
NUMBER = f"+48{PLANTED['number']}"
WEBHOOK_SECRET = "a secret of the bank"
NIGHT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)

SAID = tuple(
    said.format(PLANTED[what])
    for what, said in {
        "PIN": "zgubiłem kartę, mój pin to {}",
        "PESEL": "pesel {}",
        "card": "karta numer {}",
        "BLIK": "kod blik {}",
        "number": "proszę dzwonić na {}",
    }.items()
)


@pytest.fixture(autouse=True)
def _left_as_found() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    loguru.logger.remove()


@pytest.fixture(params=["json", "console"])
def log(request: pytest.FixtureRequest) -> io.StringIO:
    """The log at level debug."""
    stream = io.StringIO()
    configure_logs(level="debug", format=cast(LogFormat, request.param), stream=stream)
    return stream


def no_leak(places: dict[str, bytes], log: io.StringIO) -> None:
    assert search({**places, "log": log.getvalue().encode()}, ALLOWED) == []


def valid(log: io.StringIO) -> None:
    """Every line that was written keeps to the schema of lines."""
    check = jsonschema.Draft202012Validator(schema())
    for line in log.getvalue().splitlines():
        if line.startswith("{"):
            check.validate(json.loads(line))


# ---------------------------------------------------------------- the whole service


async def flushed(service: RunningService) -> None:
    """Wait until the records of calls and chats are written."""
    assert await service.service.stores.records.flush(10)
    assert await service.web.stores.records.flush(10)


async def says(service: RunningService, said: str) -> None:
    """A chat in which one thing is written and answered."""
    async with service.customer() as customer:
        await customer.until("options")
        await (await customer.say(said)).until("bot")


async def chats(service: RunningService) -> None:
    """Every secret in words, in every escape, in messages that are none, and key by key."""
    for encoding in ("plain", "JSON, every character", "percent, every octet", "base64", "references"):
        for said in SAID:
            await says(service, ENCODINGS[encoding](said))
    async with service.customer() as customer:
        await customer.until("options")
        for said in SAID:
            escaped = "".join(f"\\u{ord(character):04x}" for character in said)
            await customer.socket.send(f'{{"type": "say", "text": "{escaped}"}}')
            await customer.socket.send(f'{{"type": "say", "text": {said}')  # no JSON
            await customer.socket.send(json.dumps({"type": said, said: said, "text": [said]}))
            await customer.socket.send(said.encode())
        await customer.until("error")
    async with service.customer() as customer:
        await customer.until("options")
        for digit in PLANTED["PIN"]:
            await customer.key(digit)
        await customer.until("bot")
    async with service.customer() as customer:  # and one that ends at an agent
        await customer.until("options")
        await (await customer.say(", ".join(SAID))).until("options")
        await customer.key("9")
        await customer.key("1")
        await customer.until("handed_over")


async def callback(service: RunningService) -> None:
    """A number to call back, asked for and confirmed."""
    async with service.customer() as customer:
        await customer.until("options")
        await customer.say("chcę wziąć kredyt hipoteczny")
        options = await customer.until("options")
        if not options.get("digits") and "callback" not in [choice["name"] for choice in options["choices"]]:
            await customer.key("1")  # yes, that is what I meant
            options = await customer.until("options")
        assert "callback" in [choice["name"] for choice in options["choices"]]
        await customer.key("1")
        assert (await customer.until("options"))["digits"]
        await customer.say(PLANTED["number"])
        await customer.until("options")
        await customer.key("1")
        await customer.until_closed()


async def calls(service: RunningService) -> None:
    """Secrets pressed into menus, by either kind of tone, and put into what a telephone sends."""
    headers = {
        "P-Asserted-Identity": f"<sip:{NUMBER}@127.0.0.1>",
        "Subject": f"karta {PLANTED['card']} pesel {PLANTED['PESEL']}",
        "X-Note": ENCODINGS["percent, every octet"](f"pin {PLANTED['PIN']}"),
        "Identity": ENCODINGS["base64"](json.dumps({"pesel": PLANTED["PESEL"]})),
    }
    for keys_by in ("rtpevent", "info"):
        steps = (UntilSpeaking(0.3), Keys(PLANTED["PIN"]), Pause(0.5), Keys(PLANTED["BLIK"]), Pause(0.3))
        await service.call(*steps, number=NUMBER, headers=headers, keys_by=keys_by, display=f"Jan {PLANTED['card']}")
    await service.call(UntilSpeaking(0.3), Keys("91"), UntilEnded(30), number=NUMBER, headers=headers)


async def strange_requests(service: RunningService) -> None:
    """Secrets in paths, queries, headers and bodies of the API."""
    host, port = service.web.api
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        for said in SAID:
            await client.get(f"/api/handoffs/{said}", headers={"Authorization": f"Bearer {TOKEN}"})
            await client.get("/metrics", params={"token": TOKEN, "q": said}, headers={"Authorization": as_basic(said)})
            await client.post("/api/switches", content=said.encode(), headers={"Authorization": f"Bearer {TOKEN}"})
            await client.get("/chat/ws", headers={b"X-Said": said.encode()})


@pytest.mark.timeout(300)
@pytest.mark.parametrize("log", ["json"], indirect=True)
async def test_nothing_confidential_is_written_by_a_whole_service(tmp_path: Path, log: io.StringIO) -> None:
    """Calls, chats, hand-offs, a webhook that is refused and one that is left undelivered, callbacks, strange requests."""
    async with receiving() as bank:
        bank.statuses = [404]
        sections: dict[str, Any] = {
            "handoff": {"webhook": {"url": bank.url, "secret": WEBHOOK_SECRET}},
            "records": {"folder": str(tmp_path / "files")},
            "recording": {"enabled": True, "folder": str(tmp_path / "recordings")},
        }
        async with open_service(tmp_path / "data", **sections) as service:
            await calls(service)
            await chats(service)
            await strange_requests(service)
            bank.stuck = asyncio.Event()
            await service.call(UntilSpeaking(0.3), Keys("92"), UntilEnded(30), number=NUMBER)
            await flushed(service)
            state = await service.service.stores.shared.ask(cast("Callable[[Redis], Awaitable[dict[str, bytes]]]", state_of))
            places = files_under(tmp_path)
            journals = json.dumps(service.journals).encode()
            told = (await _metrics(service)).encode()
        after = files_under(tmp_path)
        webhooks = {f"webhook/{at}": repr(request).encode() for at, request in enumerate(bank.requests)}
    assert any("webhooks/" in name for name in after), "one was left undelivered"
    assert any(name.startswith("state/handoff:") for name in state)
    assert "data/calls.db-wal" in places
    no_leak({**places, **{f"after/{name}": each for name, each in after.items() if "data/state" not in name}}, log)
    no_leak({**state, **webhooks, "journals": journals, "metrics": told}, log)
    assert search({"log": log.getvalue().encode()}, ()) <= search({"log": NUMBER.encode()}, ())
    for secret in (TOKEN, WEBHOOK_SECRET):
        assert secret not in log.getvalue()
    for lines in service.journals.values():
        keys = "".join(str(line["key"]) for line in lines if line.get("type") == "KeyPressed")
        assert PLANTED["PIN"] not in keys
        assert PLANTED["BLIK"] not in keys
    valid(log)


async def _metrics(service: RunningService) -> str:
    async with service.api() as api:
        return (await api.get("/metrics")).text


async def test_a_number_that_is_called_back_stands_with_the_callback_only(tmp_path: Path, log: io.StringIO) -> None:
    """Out of hours."""
    async with open_service(tmp_path / "data", clock=lambda: NIGHT) as service:
        await callback(service)
        await flushed(service)
        state = await service.service.stores.shared.ask(cast("Callable[[Redis], Awaitable[dict[str, bytes]]]", state_of))
        no_leak({**files_under(tmp_path), **state, "journals": json.dumps(service.journals).encode()}, log)
        assert any(name.startswith("state/callback:") and b"600713294" in each for name, each in state.items())


# ---------------------------------------------------------------- speech, and parts that fail with what was said in their hands


class Hears(Engine):
    """A recogniser that hears what is planted."""

    def open(self, **how: Any) -> Any:
        super().open(**how)
        return HeardStream(self)


class HeardStream(Stream):
    async def finish(self) -> Recognition:
        await super().finish()
        return Recognition((Reading(", ".join(SAID), 0.9), Reading(SAID[0], 0.5)))


async def raises(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
    """Fails, and quotes what it was given in all the ways that errors have."""
    said = hypotheses[0].text
    try:
        int(said)
    except ValueError as error:
        raise OSError(5, said, said.encode()) from error
    raise AssertionError


FAILING: dict[str, dict[str, Any]] = {
    "nothing": {"engine": Hears()},
    "the recogniser": {"engine": Hears("finish", RecogniserError(f"died over {SAID[0]!a} {SAID[2]}"))},
    "the recogniser, as engines do": {"engine": Hears("finish", KeyError(SAID[0].encode()))},
    "understanding": {"engine": Hears(), "understand": raises},
}


@pytest.mark.parametrize("fails", FAILING)
async def test_nothing_confidential_is_written_of_what_is_spoken_whatever_fails(
    shared: SharedState, tmp_path: Path, log: io.StringIO, fails: str
) -> None:
    async with world(shared, tmp_path, **FAILING[fails]) as calls:

        async def leaves(leg: MemoryLeg) -> None:
            async with asyncio.timeout(20):
                while len(calls.voice.said) < 2 and not leg.transferred_to:
                    await asyncio.sleep(0.01)
            leg.leave()

        await calls.call(speaks, leaves)
        state = await shared.ask(cast("Callable[[Redis], Awaitable[dict[str, bytes]]]", state_of))
        no_leak({**files_under(tmp_path), **state}, log)
    assert "zgubi" not in log.getvalue(), "what a person said is in no log"
    valid(log)


async def test_nothing_confidential_waits_on_disk_while_the_database_is_away(tmp_path: Path, log: io.StringIO) -> None:
    """In the spool, and in what is said about it."""
    away = tmp_path / "away"
    away.mkdir()
    (away / "calls.db").mkdir()  # a folder is no database
    sections: dict[str, Any] = {"records": {"database_url": f"sqlite:///{away / 'calls.db'}"}}
    async with open_service(tmp_path / "data", **sections) as service:
        for said in SAID:
            await says(service, said)
        async with asyncio.timeout(20):
            while not service.web.stores.records.waiting:
                await asyncio.sleep(0.01)
        assert await service.web.stores.records.flush(10)
        places = files_under(tmp_path / "data")
    assert any(name.startswith("spool") for name in places)
    no_leak({f"data/{name}": each for name, each in places.items()}, log)


# ---------------------------------------------------------------- the search is not blind


@pytest.mark.parametrize("log", ["json"], indirect=True)
async def test_without_redaction_the_same_is_found_everywhere(
    shared: SharedState, tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that finding nothing above means that nothing is there."""
    monkeypatch.setattr("nlu.text.redaction.redact.mask_of", lambda *given: None)
    headers = {"Subject": f"karta {PLANTED['card']} pesel {PLANTED['PESEL']} pin {PLANTED['PIN']} blik {PLANTED['BLIK']}"}
    async with open_service(
        tmp_path / "data", records={"folder": str(tmp_path / "files")}, recording={"enabled": True}
    ) as service:
        await service.call(UntilSpeaking(0.3), Pause(0.1), headers=headers)
        async with service.customer() as customer:
            await customer.until("options")
            await (await customer.say(", ".join(SAID))).until("options")
            await customer.key("9")
            await customer.key("1")
            await customer.until("handed_over")
            await customer.send("bye")
            await customer.until_closed()
        await flushed(service)
        state = await service.service.stores.shared.ask(cast("Callable[[Redis], Awaitable[dict[str, bytes]]]", state_of))
        places = {**files_under(tmp_path), **state, "journals": json.dumps(service.journals).encode()}
    found = search({**places, "log": log.getvalue().encode()}, ALLOWED)
    for where in ("log", "journals", "data/calls.db-wal"):
        assert {leak.what for leak in found if leak.where == where} >= set(SECRETS), where
    assert {leak.where.partition("/")[0] for leak in found} >= {"log", "journals", "data", "files"}
