"""Calls of the app, put through: the app by WebRTC, the bot, and an agent's telephone by SIP, all of it real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.voicebot.endpoints.sip.answerer import Queue
from tests.voicebot.endpoints.sip.test_bridge import AGENT_HERTZ
from tests.voicebot.endpoints.sip.test_bridge import hears as queue_hears
from tests.voicebot.endpoints.web_call.bank import ADDRESS, bank_with_calls, needs_address, ticket, until
from tests.voicebot.running import RunningService
from voicebot.records.journal import Line

pytest.importorskip("aiortc")
from voicebot.softphone.web_phone import RATE, WebPhone

pytestmark = needs_address

URGENT = "91"
"""Keys that lead to the queue card_emergency, whose overflow is fraud."""
CUSTOMER_HERTZ = 500


@dataclass
class Call:
    """A customer who has pressed the keys of a queue, and the queue's telephone."""

    service: RunningService
    queue: Queue
    phone: WebPhone
    shown: list[dict[str, Any]] = field(default_factory=list)

    def lines(self, kind: str) -> list[Line]:
        """Of the journal."""
        return [
            line for lines in self.service.journals.values() for line in lines if kind in (line.get("type"), line.get("kind"))
        ]

    @property
    def states(self) -> list[str]:
        """What the app showed of whom the customer is with."""
        return [event["state"] for event in self.shown if event["type"] == "state"]

    async def called(self) -> str:
        """The queue's name that is called next."""
        return (await self.queue.called()).start.split("sip:")[1].split("@")[0]

    async def joined(self) -> None:
        """The queue that is called answers; each hears the other."""
        await self.queue.answer()
        await app_hears(self.phone, AGENT_HERTZ)
        tone = (8000 * np.sin(np.arange(RATE * 20) * 2 * np.pi * CUSTOMER_HERTZ / RATE)).astype("<i2").tobytes()
        self.phone.sound.say(tone)
        await queue_hears(self.queue.rtp, CUSTOMER_HERTZ)

    async def closed(self) -> Line:
        """The call is over, and everything it held is given back."""
        await until(lambda: self.lines("closed"))
        endpoints = self.service.service.endpoints
        await until(lambda: self.service.service.stores.admission.taken == 0 and not any(each.counts.live for each in endpoints))
        return self.lines("closed")[0]


async def app_hears(phone: WebPhone, hertz: int) -> None:
    """Until half a second in which this is the loudest tone has come. Raises TimeoutError."""
    heard = b""
    async with asyncio.timeout(10):
        while True:
            heard = (heard + phone.read())[-RATE:]
            if len(heard) == RATE:
                samples = np.frombuffer(heard, "<i2").astype(float)
                if np.abs(samples).mean() > 50 and abs(np.abs(np.fft.rfft(samples)).argmax() * 2 - hertz) <= 20:
                    return
            await asyncio.sleep(0.02)


async def app_plays(phone: WebPhone, seconds: float, *, louder_than: int = -1) -> None:
    """So much sound, in the call's own time, of at least this size."""
    heard = 0
    async with asyncio.timeout(10 * seconds):
        while heard < seconds * RATE * 2:
            pcm = phone.read()
            heard += len(pcm) if np.abs(np.frombuffer(pcm, "<i2").astype(int)).max(initial=0) > louder_than else 0
            await asyncio.sleep(0.02)


@asynccontextmanager
async def a_call(
    folder: Path, *, keys: str = URGENT, handoff: dict[str, Any] | None = None, **web_calls: Any
) -> AsyncIterator[Call]:
    assert ADDRESS is not None
    async with AsyncExitStack() as stack:
        queue = await Queue.open(ADDRESS)
        stack.push_async_callback(queue.close)
        chosen = {"address": queue.address, "ring_s": 5.0, "ringing": "music", **(handoff or {})}
        service = await stack.enter_async_context(bank_with_calls(folder, handoff=chosen, web_calls=web_calls))
        phone = await stack.enter_async_context(WebPhone(f"http://{service.web.api[0]}:{service.web.api[1]}"))
        call = Call(service, queue, phone)
        phone.on_shown = call.shown.append
        await phone.dial(await ticket(service, "c-4711"))
        await until(lambda: call.lines("Listen") or call.lines("Say"))
        for number, key in enumerate(keys, start=1):
            await phone.press(key)
            await until(lambda wanted=number: len(call.lines("KeyPressed")) >= wanted)
        yield call


@pytest.mark.parametrize("way", ["refer", "bridge", "auto"])
@pytest.mark.parametrize("ends", ["the customer", "the agent"])
async def test_a_customer_and_an_agent_hear_each_other_until_either_hangs_up(tmp_path: Path, way: str, ends: str) -> None:
    """However telephones are put through: no page in a browser can be sent elsewhere."""
    async with a_call(tmp_path, handoff={"way": way}) as call:
        assert await call.called() == "card_emergency"
        invite = call.queue.invite
        assert invite is not None
        assert invite.headers["x-handoff-ref"]
        assert "4711" not in str(invite.headers), "the queue's network learns nothing of the customer"
        call.queue.say("180 Ringing")
        await until(lambda: call.states[-1:] == ["waiting"])
        await call.joined()
        await until(lambda: call.lines("bridged"))
        await until(lambda: call.states[-1:] == ["agent"])
        assert call.service.service.calls.bridged == 1
        if ends == "the customer":
            leaving = asyncio.create_task(call.phone.hang_up())
            await call.queue.hung_up_on()
            await leaving
        else:
            await call.queue.hang_up()
            await asyncio.wait_for(call.phone.ended.wait(), 10)
        assert (await call.closed())["outcome"] == "handed_over"
        (ended,) = call.lines("bridge_ended")
        assert (ended["by"], ended["cause"]) == ("near" if ends == "the customer" else "far", "hangup")
        assert not call.lines("error")


@pytest.mark.parametrize("answer", ["486 Busy Here", "603 Decline", "silent"])
async def test_a_queue_that_does_not_answer_is_followed_by_the_next(tmp_path: Path, answer: str) -> None:
    async with a_call(tmp_path, handoff={"ring_s": 0.8}) as call:
        assert await call.called() == "card_emergency"
        if answer != "silent":
            call.queue.say(answer)
        assert await call.called() == "fraud"
        await call.joined()
        await call.queue.hang_up()
        assert (await call.closed())["outcome"] == "handed_over"


@pytest.mark.parametrize("how", ["tone", "screen"])
async def test_the_customers_keys_reach_the_agent(tmp_path: Path, how: str) -> None:
    async with a_call(tmp_path) as call:
        await call.called()
        await call.joined()
        for key in "5#":
            await (call.phone.press(key) if how == "tone" else call.phone.press_on_screen(key))
            assert await call.queue.heard_key() == key
        await call.queue.hang_up()
        await call.closed()


async def test_either_holds_the_call_and_takes_it_back(tmp_path: Path) -> None:
    """The app shows another call; the agent asks a colleague, and the customer hears our music meanwhile."""
    async with a_call(tmp_path) as call:
        await call.called()
        await call.joined()
        await call.phone.hold(True)
        await until(lambda: not np.frombuffer(call.phone.read()[-3200:], "<i2").any())
        await call.phone.hold(False)
        await app_hears(call.phone, AGENT_HERTZ)
        await call.queue.hold()
        call.queue.fall_silent()
        call.phone.read()
        await app_plays(call.phone, 1.0, louder_than=50)
        await call.queue.hold(on=False)
        call.queue.talk()
        await app_hears(call.phone, AGENT_HERTZ)
        await call.queue.hang_up()
        await call.closed()


@pytest.mark.parametrize("when", ["while it rings", "with the agent"])
async def test_an_app_that_vanishes_does_not_keep_an_agent(tmp_path: Path, when: str) -> None:
    """Nothing tells of it but silence, and while a queue rings nobody listens."""
    async with a_call(tmp_path, silent_s=3) as call:
        await call.called()
        if when == "with the agent":
            await call.joined()
        await call.phone.vanish()
        if when == "while it rings":
            call.queue.say("180 Ringing")
            await call.queue.answer()
        assert (await call.queue.hung_up_on()).method == "BYE"
        await call.closed()


async def test_a_customer_who_waits_for_longer_than_an_app_may_be_silent_is_not_taken_for_gone(tmp_path: Path) -> None:
    async with a_call(tmp_path, silent_s=3) as call:
        await call.called()
        call.queue.say("180 Ringing")
        await app_plays(call.phone, 4.0)
        await call.joined()
        await call.queue.hang_up()
        assert (await call.closed())["outcome"] == "handed_over"


async def test_a_service_that_stops_tells_the_customer_and_lets_the_agent_go(tmp_path: Path) -> None:
    async with a_call(tmp_path, handoff={"drain_bridged_s": 0.2}) as call:
        await call.called()
        await call.joined()
        draining = asyncio.create_task(call.service.service.drain(0.1))
        assert (await call.queue.hung_up_on()).method == "BYE"
        await draining
        assert (await call.closed())["outcome"] == "handed_over"
        (ended,) = call.lines("bridge_ended")
        assert ended["by"] == "shutdown"


async def test_a_customer_whose_queue_rings_when_the_service_stops_still_reaches_an_agent(tmp_path: Path) -> None:
    """Nobody new is taken, and queues can be called all the same."""
    async with a_call(tmp_path, keys="", handoff={"drain_bridged_s": 30.0}) as call:
        draining = asyncio.create_task(call.service.service.drain(0.1))
        await call.called()
        await call.joined()
        await call.queue.hang_up()
        await draining
        assert (await call.closed())["outcome"] == "handed_over"
