"""Callers on their way to a queue by REFER, and callers whom a stopping service finds: over real SIP, with a whole service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.voicebot.calls.test_bridging import URGENT, Hotline, hotline
from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.answerer import MEDIA
from tests.voicebot.endpoints.sip.sip_probe import Message, Probe

GENERAL = "general"


@asynccontextmanager
async def steering(folder: Path, **handoff: Any) -> AsyncIterator[Hotline]:
    """A service whose trunk takes REFER."""
    async with hotline(folder, handoff={"way": "refer", **handoff}) as line:
        yield line


async def asked(probe: Probe, method: str, earlier: Message | None = None) -> Message:
    """The next request of this method; another one than `earlier`. A sentence may be said before, on a slow machine."""
    async with asyncio.timeout(60):
        while True:
            found = Message.parse(await probe.sip.received.get())
            if (
                not found.status
                and found.method == method
                and (earlier is None or found.headers["cseq"] != earlier.headers["cseq"])
            ):
                return found


def name_in(refer: Message) -> str:
    return refer.headers["refer-to"].split("sip:")[1].split("@")[0]


async def put_through(probe: Probe, refer: Message) -> None:
    """The far end does as it is asked."""
    probe.reply(refer, "202 Accepted")
    probe.notify(refer, "SIP/2.0 200 OK", "terminated;reason=noresource")
    probe.reply(await asked(probe, "BYE"), "200 OK")


async def held(line: Hotline, probe: Probe) -> None:
    """The far end holds the call (re-INVITE)."""
    probe.send(probe.request("INVITE", body=probe.offer(MEDIA, extra=("a=sendonly",))))
    probe.ack(await probe.final("INVITE"))
    await until(lambda: line.lines("held"))


class TestATransferWithoutNews:
    async def test_the_caller_is_told_once_and_then_the_next_queue_is_tried(self, tmp_path: Path) -> None:
        """202 and nothing more: the sentence is spoken while the REFER is pending, and the next REFER is judged as ever."""
        async with steering(tmp_path, still_s=0.3, transfer_timeout_s=6.0) as line:
            probe = await line.caller()
            first = await asked(probe, "REFER")
            probe.reply(first, "202 Accepted")
            await until(lambda: line.lines("still_connecting"))
            second = await asked(probe, "REFER", first)
            assert (name_in(first), name_in(second)) == ("card_emergency", "fraud")
            assert len(line.lines("still_connecting")) == 1
            assert line.lines("HandOffResult")[0]["reason"] == "timeout"
            await put_through(probe, second)
            assert (await line.closed())["outcome"] == "handed_over"

    async def test_news_while_the_sentence_is_said_count(self, tmp_path: Path) -> None:
        """The far end takes the caller over in the middle of it."""
        async with steering(tmp_path, still_s=0.1, transfer_timeout_s=30.0) as line:
            probe = await line.caller()
            refer = await asked(probe, "REFER")
            probe.reply(refer, "202 Accepted")
            await until(lambda: line.lines("still_connecting"))
            await probe.bye()
            assert (await line.closed())["outcome"] == "handed_over"


class TestWhenTheServiceStops:
    async def test_a_caller_in_the_greeting_is_told_and_put_through(self, tmp_path: Path) -> None:
        async with steering(tmp_path) as line:
            probe = await line.caller(keys="")
            draining = asyncio.create_task(line.service.service.drain(0.05))
            refer = await asked(probe, "REFER")
            assert name_in(refer) == GENERAL
            await put_through(probe, refer)
            await draining
            assert (await line.closed())["outcome"] == "handed_over"
            assert line.lines("put_through_now")[0]["why"] == "shutdown"
            assert line.lines("HandOff")[-1]["reason"] == "shutdown"

    async def test_a_caller_on_hold_is_put_through_too(self, tmp_path: Path) -> None:
        """At once: nobody hears the sentence; the queue answers whoever comes back."""
        async with steering(tmp_path) as line:
            probe = await line.caller(keys="")
            await held(line, probe)
            draining = asyncio.create_task(line.service.service.drain(0.05))
            refer = await asked(probe, "REFER")
            assert name_in(refer) == GENERAL
            await put_through(probe, refer)
            await draining
            assert (await line.closed())["outcome"] == "handed_over"
            assert line.lines("put_through_now")[0]["why"] == "shutdown"

    async def test_a_caller_on_hold_whom_nobody_takes_does_not_keep_the_service(self, tmp_path: Path) -> None:
        """The apology would be played to nobody."""
        async with steering(tmp_path, transfer_timeout_s=20.0) as line:
            probe = await line.caller(keys="")
            await held(line, probe)
            draining = asyncio.create_task(line.service.service.drain(0.05))
            probe.reply(await asked(probe, "REFER"), "603 Decline")
            probe.reply(await asked(probe, "BYE"), "200 OK")
            await draining
            assert (await line.closed())["outcome"] == "apology"

    async def test_a_transfer_under_way_is_awaited(self, tmp_path: Path) -> None:
        """It is an emergency's: it is not cut off, nor sent elsewhere."""
        async with steering(tmp_path, transfer_timeout_s=20.0) as line:
            probe = await line.caller(keys=URGENT)
            refer = await asked(probe, "REFER")
            probe.reply(refer, "202 Accepted")
            draining = asyncio.create_task(line.service.service.drain(0.05))
            await until(lambda: line.service.service.call_services.admission.draining)
            assert name_in(refer) == "card_emergency"
            probe.notify(refer, "SIP/2.0 200 OK", "terminated;reason=noresource")
            probe.reply(await asked(probe, "BYE"), "200 OK")
            await draining
            assert (await line.closed())["outcome"] == "handed_over"
            assert len(line.lines("HandOff")) == 1

    async def test_a_transfer_that_fails_while_it_stops_goes_to_the_next_queue(self, tmp_path: Path) -> None:
        async with steering(tmp_path, transfer_timeout_s=20.0) as line:
            probe = await line.caller(keys=URGENT)
            refer = await asked(probe, "REFER")
            draining = asyncio.create_task(line.service.service.drain(0.05))
            await until(lambda: line.service.service.call_services.admission.draining)
            probe.reply(refer, "202 Accepted")
            probe.notify(refer, "SIP/2.0 486 Busy Here", "terminated;reason=noresource")
            await put_through(probe, await asked(probe, "REFER", refer))
            await draining
            assert (await line.closed())["outcome"] == "handed_over"

    async def test_a_caller_whom_nobody_takes_is_not_said_to_have_hung_up(self, tmp_path: Path) -> None:
        async with steering(tmp_path, transfer_timeout_s=0.3) as line:
            probe = await line.caller(keys="")
            draining = asyncio.create_task(line.service.service.drain(0.05))
            probe.reply(await asked(probe, "REFER"), "603 Decline")
            probe.reply(await asked(probe, "BYE"), "200 OK")
            await draining
            assert (await line.closed())["outcome"] == "apology"
            assert line.lines("put_through_now")[0]["why"] == "shutdown"
