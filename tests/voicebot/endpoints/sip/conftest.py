"""An endpoint under test and a raw far end, both on loopback and free ports, stopped by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from tests.voicebot.endpoints.sip.sip_probe import DEADLINE_S, Address, Probe
from voicebot.endpoints.endpoint import Identify
from voicebot.endpoints.leg import Leg, LegEnded, LegEvent
from voicebot.endpoints.sip.endpoint import SipEndpoint
from voicebot.endpoints.sip.leg import SipLeg
from voicebot.endpoints.sip.settings import SipSettings

LOOPBACK = ("127.0.0.1/32",)


@dataclass
class Bot:
    """A running endpoint whose calls wait in a queue for the test to serve."""

    endpoint: SipEndpoint
    ringing: asyncio.Queue[SipLeg] = field(default_factory=asyncio.Queue)

    @property
    def address(self) -> Address:
        return self.endpoint.address

    async def leg(self) -> SipLeg:
        return await asyncio.wait_for(self.ringing.get(), DEADLINE_S)

    async def connect(self, probe: Probe, body: str | None = None, *, talk: bool = True) -> SipLeg:
        """A call of the probe's, answered."""
        dialled = asyncio.create_task(probe.call(body, talk=talk))
        leg = await self.leg()
        await leg.answer()
        await dialled
        return leg


class StartBot(Protocol):
    async def __call__(self, chosen: SipSettings | None = None) -> Bot: ...


class OpenProbe(Protocol):
    async def __call__(self, bot: Bot, host: str = ...) -> Probe: ...


def settings(**changes: object) -> SipSettings:
    """An endpoint on a free loopback port that knows loopback alone."""
    return SipSettings.model_validate({"port": 0, "peers": LOOPBACK, "rtp_ports": (30000, 39998), **changes})


@asynccontextmanager
async def running(chosen: SipSettings) -> AsyncIterator[Bot]:
    ringing: asyncio.Queue[SipLeg] = asyncio.Queue()

    async def serve(leg: Leg, identify: Identify) -> None:
        assert isinstance(leg, SipLeg)
        ringing.put_nowait(leg)
        await leg.ended.wait()

    endpoint = SipEndpoint(chosen, serve)
    await endpoint.start()
    try:
        yield Bot(endpoint, ringing)
    finally:
        await endpoint.close()


@pytest.fixture
async def start_bot() -> AsyncIterator[StartBot]:
    async with AsyncExitStack() as stack:

        async def start(chosen: SipSettings | None = None) -> Bot:
            return await stack.enter_async_context(running(chosen or settings()))

        yield start


@pytest.fixture
async def open_probe() -> AsyncIterator[OpenProbe]:
    probes: list[Probe] = []

    async def open_one(bot: Bot, host: str = "127.0.0.1") -> Probe:
        probes.append(await Probe.open(bot.address, host))
        return probes[-1]

    yield open_one
    for probe in probes:
        await probe.close()


async def next_event(leg: SipLeg) -> LegEvent:
    return await asyncio.wait_for(leg.next_event(), DEADLINE_S)


async def end_of(leg: SipLeg) -> LegEnded:
    """The leg's end; what happens before is passed over."""
    while not isinstance(event := await next_event(leg), LegEnded):
        pass
    return event
