"""Providers are found by SRV (RFC 3263, 2782), asked of a real name server; the next one is taken where one is dead."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.answerer import Queue
from tests.voicebot.endpoints.sip.conftest import StartBot, settings
from tests.voicebot.endpoints.sip.provider.name_server import NameServer, open_name_server
from tests.voicebot.endpoints.sip.provider.registrar import OpenRegistrar, Registrar
from voicebot.endpoints.leg import TransferTarget
from voicebot.endpoints.sip.provider.dns import Lookup, in_order
from voicebot.endpoints.sip.provider.registration import Pauses
from voicebot.endpoints.sip.provider.sending import NoReply, Pace
from voicebot.endpoints.sip.provider.stack_datagrams import StackDatagrams
from voicebot.endpoints.sip.trunk_links import TrunkLinks
from voicebot.endpoints.sip.trunks import Trunk

ZONE = {
    ("_sip._udp.carrier.example", "SRV"): ["10 0 5070 b.carrier.example.", "5 0 5080 a.carrier.example."],
    ("_sips._tcp.carrier.example", "SRV"): ["1 1 5061 a.carrier.example."],
    ("carrier.example", "A"): ["192.0.2.9"],
    ("a.carrier.example", "A"): ["192.0.2.1", "192.0.2.2"],
    ("b.carrier.example", "AAAA"): ["2001:db8::b"],
    ("gone.example", "TXT"): ["x"],
    ("_sip._udp.gone.example", "SRV"): ["0 0 0 ."],
}


@asynccontextmanager
async def looking(server: NameServer) -> AsyncIterator[Lookup]:
    await open_name_server(server)
    try:
        yield Lookup(server.resolver)
    finally:
        server.transport.close()


@pytest.mark.parametrize(
    ("named", "transport", "found"),
    [
        ("carrier.example", "udp", [("192.0.2.1", 5080), ("192.0.2.2", 5080), ("2001:db8::b", 5070)]),
        ("carrier.example", "tls", [("192.0.2.1", 5061), ("192.0.2.2", 5061)]),
        ("carrier.example", "tcp", [("192.0.2.9", 5060)]),
        ("carrier.example:5090", "udp", [("192.0.2.9", 5090)]),
        ("192.0.2.77", "tls", [("192.0.2.77", 5061)]),
        ("[2001:db8::1]:5070", "udp", [("2001:db8::1", 5070)]),
    ],
)
async def test_a_name_is_found_as_the_rfc_says(named: str, transport: str, found: list[tuple[str, int]]) -> None:
    async with looking(NameServer(ZONE)) as lookup:
        places = await lookup.places(named, transport)
    assert sorted((each.host, each.port) for each in places) == sorted(found)
    assert [each.port for each in places] == [port for _, port in found]
    assert {each.transport for each in places} == {transport}


@pytest.mark.parametrize(("named", "why"), [("nowhere.example", "knows nowhere"), ("gone.example", "knows gone")])
async def test_a_name_that_is_nowhere_is_told(named: str, why: str) -> None:
    async with looking(NameServer(ZONE)) as lookup:
        with pytest.raises(NoReply, match=why):
            await lookup.places(named, "udp")


async def test_name_servers_that_say_nothing_cost_seconds_and_no_more() -> None:
    async with looking(NameServer(ZONE, silent=True)) as lookup, asyncio.timeout(30):
        with pytest.raises(NoReply, match="no name server tells"):
            await lookup.places("carrier.example", "udp")


def test_weights_decide_by_chance_and_priorities_do_not() -> None:
    """Of three quarters and a quarter, about so many; the second priority never comes first."""
    records = [(1, 75, "a", 1), (1, 25, "b", 1), (2, 100, "c", 1), (1, 0, "d", 1)]
    first = Counter(in_order(records)[0].name for _ in range(2000))
    assert 1300 < first["a"] < 1700
    assert 300 < first["b"] < 700
    assert first["c"] == 0
    assert {each.name for each in in_order(records)} == {"a", "b", "c", "d"}
    assert in_order(records)[-1].name == "c"


async def test_a_registrar_that_is_dead_is_followed_by_the_next(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    bot, dead, busy, alive = (
        await start_bot(),
        await open_registrar(Registrar(silent=True)),
        Registrar(busy=[60] * 9),
        Registrar(),
    )
    await open_registrar(busy)
    await open_registrar(alive)
    ports = [dead.port, busy.port, alive.port]
    servers = [f"{priority} 0 {port} sip{priority}.carrier.example." for priority, port in enumerate(ports, 1)]
    zone = {("_sip._udp.carrier.example", "SRV"): servers}
    zone |= {(f"sip{each}.carrier.example", "A"): ["127.0.0.1"] for each in (1, 2, 3)}
    registration = {"registrar": "carrier.example", "user": "bot", "password": "right"}
    chosen = Trunk.model_validate({"peers": ["127.0.0.1"], "registration": registration})
    port = bot.address[1]
    datagrams = StackDatagrams(port, bot.endpoint.trace)
    async with looking(NameServer(zone)) as lookup:
        pace = Pace(t1_s=0.05, t2_s=0.1, give_up_s=0.5)
        links = TrunkLinks(datagrams, port, "127.0.0.1", lookup=lookup, pace=pace, pauses=Pauses(0.1, 0.1))
        await links.use({"carrier": chosen})
        await until(lambda: alive.contacts)
        assert dead.seen
        assert busy.seen
        await links.close()
    assert alive.contacts == {}
    datagrams.close()


async def test_the_endpoint_asks_the_name_servers_of_its_settings(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    registrar, server = await open_registrar(Registrar()), NameServer({})
    server.records |= {
        ("_sip._udp.carrier.example", "SRV"): [f"1 1 {registrar.port} sip.carrier.example."],
        ("sip.carrier.example", "A"): ["127.0.0.1"],
    }
    await open_name_server(server)
    registration = {"registrar": "carrier.example", "user": "bot", "password": "right"}
    trunks = {"carrier": {"peers": ["127.0.0.1"], "registration": registration}}
    bot = await start_bot(settings(peers=(), trunks=trunks, dns_servers=[server.address]))
    await until(lambda: registrar.contacts)
    await bot.endpoint.close()
    server.transport.close()


async def test_a_queue_is_found_by_srv_and_the_next_one_where_the_first_is_busy(start_bot: StartBot) -> None:
    """The stack looks up the addresses of queues itself: 503 leads to the next (RFC 3263, 4.3)."""
    server, busy, free = NameServer({}), await Queue.open(), await Queue.open()
    ports = [int(each.address.rpartition(":")[2]) for each in (busy, free)]
    server.records |= {
        ("_sip._udp.queues.example", "SRV"): [f"{at} 1 {port} sip{at}.queues.example." for at, port in enumerate(ports)],
        ("sip0.queues.example", "A"): ["127.0.0.1"],
        ("sip1.queues.example", "A"): ["127.0.0.1"],
    }
    await open_name_server(server)
    try:
        bot = await start_bot(settings(queue_address="sip:{queue}@queues.example", dns_servers=[server.address]))
        bot.endpoint.let_dial([TransferTarget("cards")])
        dialled = asyncio.create_task(bot.endpoint.dial("sip:cards@queues.example", {}, 30.0))
        await busy.called()
        busy.say("503 Service Unavailable")
        await free.called()
        await free.answer()
        leg = await dialled
        await leg.hang_up()
        await bot.endpoint.close()
    finally:
        await busy.close()
        await free.close()
        server.transport.close()
