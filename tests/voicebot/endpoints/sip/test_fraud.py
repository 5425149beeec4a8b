"""Calls at the bank's cost: nothing that a far end sends makes us call anybody but the bank's queues."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.voicebot.endpoints.sip.answerer import Queue
from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, running, settings
from tests.voicebot.endpoints.sip.sip_probe import Message, Wire
from tests.voicebot.endpoints.sip.test_dialling import connect
from voicebot.endpoints.leg import TransferTarget


@pytest.fixture
async def lure() -> AsyncIterator[Wire]:
    """Where a fraudster wants to be called: nothing must ever come in here."""
    wire = await Wire.open("127.0.0.1")
    yield wire
    assert wire.received.empty(), wire.received.get_nowait()
    wire.close()


def luring(wire: Wire) -> tuple[str, ...]:
    """Every header that names somebody to be called, asked or told."""
    uri = f"sip:+48700000000@127.0.0.1:{wire.port}"
    return (
        f"Refer-To: <{uri}>",
        f"Referred-By: <{uri}>",
        f"Diversion: <{uri}>;reason=unconditional",
        f"History-Info: <{uri}>;index=1",
        f"P-Asserted-Identity: <{uri}>",
        f"Reply-To: <{uri}>",
        f"Call-Info: <http://127.0.0.1:{wire.port}/a>;purpose=icon",
        f"Alert-Info: <http://127.0.0.1:{wire.port}/ring.wav>",
        f"Identity: x;info=<http://127.0.0.1:{wire.port}/cert>;alg=ES256",
        f"X-Transfer-To: {uri}",
        f"X-Queue: {uri}",
        f"X-Handoff-Ref: {uri}",
        f"X-Call-Ref: {uri}",
        "User-to-User: 00" + uri.encode().hex() + ";encoding=hex",
    )


async def test_no_header_of_an_invite_makes_us_call(start_bot: StartBot, open_probe: OpenProbe, lure: Wire) -> None:
    """Nor ask anybody for a picture, a tone or a certificate."""
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.invite(headers=luring(lure))
    leg = await bot.leg()
    answering = asyncio.create_task(leg.answer())
    probe.ack(await probe.final("INVITE"))
    await answering
    await leg.hang_up()


@pytest.mark.parametrize("method", ["REFER", "SUBSCRIBE", "MESSAGE", "PUBLISH", "REGISTER", "OPTIONS"])
async def test_no_request_outside_a_call_does(start_bot: StartBot, open_probe: OpenProbe, lure: Wire, method: str) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.send(probe.request(method, headers=(*luring(lure), "Event: refer")))
    answer = await probe.final(method)
    assert answer.status >= 400 or method == "OPTIONS"


async def test_an_agent_cannot_have_us_call_on(lure: Wire) -> None:
    """The queue's side of a bridge is refused like a caller: the customer stays with whom they were put through to."""
    queue = await Queue.open()
    async with running(settings(queue_address=queue.address)) as bot:
        bot.endpoint.let_dial([TransferTarget("cards")])
        leg = await connect(bot, queue)
        queue._request("REFER", headers=luring(lure))
        async with asyncio.timeout(10):
            while True:
                told = Message.parse(await queue._sip.received.get())
                if told.start.startswith("NOTIFY"):
                    queue.say("200 OK", to=told)
                    if "terminated" in told.headers["subscription-state"]:
                        break
        assert told.body.startswith("SIP/2.0 603 ")
        assert not leg.ended.is_set()
        await leg.hang_up()
    await queue.close()
