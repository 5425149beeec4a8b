"""Every kind of leg, and how to open one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.voicebot.endpoints.asterisk.bot import running as asterisk_running
from tests.voicebot.endpoints.carriers.fake_carriers import Bot as CarrierBot
from tests.voicebot.endpoints.carriers.fake_carriers import CarrierFarEnd, FakeGenesys, FakeTelnyx, FakeTwilio, Stream
from tests.voicebot.endpoints.contract.asterisk import AriFarEnd
from tests.voicebot.endpoints.contract.bridged import BridgedFarEnd
from tests.voicebot.endpoints.contract.dialplan import Dialplan, DialplanFarEnd
from tests.voicebot.endpoints.contract.far_end import QUEUE, SETTLE_S, FarEnd
from tests.voicebot.endpoints.contract.memory import MemoryFarEnd
from tests.voicebot.endpoints.contract.sip import SipFarEnd
from tests.voicebot.endpoints.sip.answerer import HOST, Queue
from tests.voicebot.endpoints.sip.conftest import running, settings
from tests.voicebot.endpoints.sip.sip_probe import Probe
from tests.voicebot.endpoints.web_call.bank import ADDRESS
from voicebot.endpoints.asterisk.settings import MediaWay
from voicebot.endpoints.web_call.dialog import AppDialogs
from voicebot.endpoints.web_call.settings import WebCallSettings

Opener = Callable[[AsyncExitStack], Awaitable[FarEnd]]


async def _memory(stack: AsyncExitStack) -> FarEnd:
    return MemoryFarEnd()


async def _sip(stack: AsyncExitStack) -> FarEnd:
    bot = await stack.enter_async_context(running(settings(transfer_settle_s=SETTLE_S)))
    probe = await Probe.open(bot.address)
    stack.push_async_callback(probe.close)
    return SipFarEnd(bot, probe)


async def _queue(stack: AsyncExitStack, host: str = HOST) -> Queue:
    queue = await Queue.open(host)
    stack.push_async_callback(queue.close)
    return queue


async def _bridged(stack: AsyncExitStack) -> FarEnd:
    queue = await _queue(stack)
    bot = await stack.enter_async_context(running(settings(queue_address=queue.address)))
    bot.endpoint.let_dial([QUEUE])
    probe = await Probe.open(bot.address)
    stack.push_async_callback(probe.close)
    return BridgedFarEnd(bot, probe, queue)


async def _web_call(stack: AsyncExitStack) -> FarEnd:
    pytest.importorskip("aiortc")
    if ADDRESS is None:
        pytest.skip("this machine has no address but loopback, which ICE leaves out")
    from tests.voicebot.endpoints.contract.web_call import AppStack, WebFarEnd
    from voicebot.softphone.web_phone import WebPhone

    queue = await _queue(stack, ADDRESS)
    own = settings(host=ADDRESS, own_calls=True, queue_address=queue.address)
    app = AppStack(own, WebCallSettings(enabled=True))
    stack.push_async_callback(app.close)
    await app.start()
    dialogs = await AppDialogs.open(app.sip.address, app.web.settings.user)
    stack.callback(dialogs.close)
    return WebFarEnd(app, dialogs, await stack.enter_async_context(WebPhone("http://127.0.0.1")), queue)


async def _ari(stack: AsyncExitStack) -> FarEnd:
    return AriFarEnd(await stack.enter_async_context(asterisk_running()))


async def _ari_audiosocket(stack: AsyncExitStack) -> FarEnd:
    return AriFarEnd(await stack.enter_async_context(asterisk_running(MediaWay.AUDIOSOCKET)))


async def _dialplan(stack: AsyncExitStack, way: str = "websocket") -> FarEnd:
    dialplan = Dialplan()
    stack.push_async_callback(dialplan.close)
    await dialplan.start()
    far_end = DialplanFarEnd(dialplan, way)
    stack.push_async_callback(far_end.close)
    return far_end


async def _audiosocket(stack: AsyncExitStack) -> FarEnd:
    return await _dialplan(stack, "audiosocket")


def _carrier(kind: type[Stream]) -> Opener:
    async def opened(stack: AsyncExitStack) -> FarEnd:
        bot = CarrierBot()
        await bot.start()
        stack.push_async_callback(bot.close)
        stream = kind(bot)
        stack.push_async_callback(stream.close)
        return CarrierFarEnd(bot, stream)

    return opened


OPENERS: dict[str, Opener] = {
    "memory": _memory,
    "sip": _sip,
    "bridged": _bridged,
    "web_call": _web_call,
    "ari": _ari,
    "ari_audiosocket": _ari_audiosocket,
    "dialplan": _dialplan,
    "audiosocket": _audiosocket,
    "twilio": _carrier(FakeTwilio),
    "telnyx": _carrier(FakeTelnyx),
    "genesys": _carrier(FakeGenesys),
}
"""What the stack holds is closed when the test is over."""


@pytest.fixture(params=OPENERS)
async def far_end(request: pytest.FixtureRequest) -> AsyncIterator[FarEnd]:
    async with AsyncExitStack() as stack:
        yield await OPENERS[request.param](stack)
