"""A trunk is asked whether it is there; a change is told in the log, in health and in the metrics."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import StartBot, settings
from tests.voicebot.endpoints.sip.provider.registrar import OpenRegistrar, Registrar
from voicebot.endpoints.sip.endpoint import SipEndpoint
from voicebot.endpoints.sip.provider.messages import Place
from voicebot.endpoints.sip.provider.qualify import Qualify, Reach
from voicebot.endpoints.sip.provider.sending import Pace, Sender
from voicebot.endpoints.sip.provider.stack_datagrams import StackDatagrams
from voicebot.endpoints.sip.trunk_health import count_trunks, trunk_trouble
from voicebot.metrics.registry import Metrics


@asynccontextmanager
async def asking(endpoint: SipEndpoint, places: list[Place], slow_ms: float = 20_000) -> AsyncIterator[Qualify]:
    port = endpoint.address[1]
    datagrams = StackDatagrams(port, endpoint.trace)

    async def find() -> list[Place]:
        return places

    sender = Sender(datagrams, pace=Pace(t1_s=0.05, t2_s=0.1, give_up_s=0.5))
    asked = Qualify("carrier", 0.05, slow_ms, sender, find, lambda _: Place("udp", "127.0.0.1", port))
    asked.start()
    try:
        yield asked
    finally:
        await asked.stop()
        datagrams.close()


def at(trunk: Registrar) -> Place:
    return Place("udp", "127.0.0.1", trunk.port)


async def test_up_down_and_up_again(start_bot: StartBot, open_registrar: OpenRegistrar, caplog: pytest.LogCaptureFixture) -> None:
    """One line in the log at each change, and no more."""
    caplog.set_level(logging.INFO, "voicebot.endpoints.sip.provider.qualify")
    bot, trunk = await start_bot(), await open_registrar(Registrar())
    async with asking(bot.endpoint, [at(trunk)]) as asked:
        await until(lambda: asked.state is Reach.UP)
        assert asked.round_trip_s is not None
        await until(lambda: len(trunk.seen) > 3)
        trunk.silent = True
        await until(lambda: asked.state is Reach.DOWN)
        assert "does not answer" in asked.why
        assert asked.round_trip_s is None
        trunk.silent = False
        await until(lambda: asked.state is Reach.UP)
    told = [record.getMessage().split(":")[0] for record in caplog.records if "carrier" in record.getMessage()]
    assert told == ["trunk carrier is up", "trunk carrier is down", "trunk carrier is up"]


@pytest.mark.parametrize(("status", "state"), [(404, Reach.UP), (405, Reach.UP), (503, Reach.DOWN), (408, Reach.DOWN)])
async def test_an_answer_is_life_unless_it_says_otherwise(
    start_bot: StartBot, open_registrar: OpenRegistrar, status: int, state: Reach
) -> None:
    bot, trunk = await start_bot(), await open_registrar(Registrar(options=status))
    async with asking(bot.endpoint, [at(trunk)]) as asked:
        await until(lambda: asked.state is state)


async def test_a_late_answer_is_slow(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    bot, trunk = await start_bot(), await open_registrar(Registrar())
    async with asking(bot.endpoint, [at(trunk)], slow_ms=0.0001) as asked:
        await until(lambda: asked.state is Reach.SLOW)
        assert asked.why.startswith("answers after")


async def test_one_address_that_answers_is_enough(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    bot, dead, alive = await start_bot(), await open_registrar(Registrar(silent=True)), await open_registrar(Registrar())
    async with asking(bot.endpoint, [at(dead), at(alive)]) as asked:
        await until(lambda: asked.state is Reach.UP)
        assert dead.seen


async def test_health_and_metrics_tell_of_the_trunks(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    carrier, pbx = await open_registrar(Registrar()), await open_registrar(Registrar(options=503))
    registration = {"registrar": f"127.0.0.1:{carrier.port}", "user": "bot", "password": "right"}
    bot = await start_bot(
        settings(
            peers=(),
            trunks={
                "carrier": {"peers": ["127.0.0.1/32"], "registration": registration, "qualify_s": 1},
                "pbx": {"peers": ["127.0.0.0/8"], "address": f"127.0.0.1:{pbx.port}", "qualify_s": 1},
            },
        )
    )
    metrics = Metrics()
    count_trunks(metrics, bot.endpoint)
    await until(lambda: bot.endpoint.links["pbx"].trouble and not bot.endpoint.links["carrier"].trouble)
    await until(lambda: 'voicebot_trunk_up{trunk="carrier"} 1.0' in metrics.render())
    assert trunk_trouble(bot.endpoint.links) == f"pbx down: 127.0.0.1:{pbx.port} (udp) says 503 No"
    text = metrics.render()
    for line in (
        'voicebot_trunk_registered{trunk="carrier"} 1.0',
        'voicebot_trunk_up{trunk="pbx"} 0.0',
        'voicebot_trunk_live_calls{trunk="pbx"} 0.0',
        'voicebot_trunk_round_trip_seconds{trunk="carrier"}',
    ):
        assert line in text
