"""Every kind of leg, and how to open one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.voicebot.endpoints.contract.bridged import BridgedFarEnd
from tests.voicebot.endpoints.contract.far_end import QUEUE, SETTLE_S, FarEnd
from tests.voicebot.endpoints.contract.memory import MemoryFarEnd
from tests.voicebot.endpoints.contract.sip import SipFarEnd
from tests.voicebot.endpoints.sip.answerer import Queue
from tests.voicebot.endpoints.sip.conftest import running, settings
from tests.voicebot.endpoints.sip.sip_probe import Probe

Opener = Callable[[AsyncExitStack], Awaitable[FarEnd]]


async def _memory(stack: AsyncExitStack) -> FarEnd:
    return MemoryFarEnd()


async def _sip(stack: AsyncExitStack) -> FarEnd:
    bot = await stack.enter_async_context(running(settings(transfer_settle_s=SETTLE_S)))
    probe = await Probe.open(bot.address)
    stack.push_async_callback(probe.close)
    return SipFarEnd(bot, probe)


async def _bridged(stack: AsyncExitStack) -> FarEnd:
    queue = await Queue.open()
    stack.push_async_callback(queue.close)
    bot = await stack.enter_async_context(running(settings(queue_address=queue.address)))
    bot.endpoint.let_dial([QUEUE])
    probe = await Probe.open(bot.address)
    stack.push_async_callback(probe.close)
    return BridgedFarEnd(bot, probe, queue)


OPENERS: dict[str, Opener] = {"memory": _memory, "sip": _sip, "bridged": _bridged}
"""What the stack holds is closed when the test is over."""


@pytest.fixture(params=OPENERS)
async def far_end(request: pytest.FixtureRequest) -> AsyncIterator[FarEnd]:
    async with AsyncExitStack() as stack:
        yield await OPENERS[request.param](stack)
