"""A registration at a registrar that is as real ones are: over the stack's own socket, with every answer that can come."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import StartBot, settings
from tests.voicebot.endpoints.sip.provider.registrar import OpenRegistrar, Registrar, open_tcp
from voicebot.endpoints.sip.endpoint import SipEndpoint
from voicebot.endpoints.sip.provider.registration import Pauses, Registered
from voicebot.endpoints.sip.provider.sending import Pace
from voicebot.endpoints.sip.provider.stack_datagrams import StackDatagrams
from voicebot.endpoints.sip.trunk_links import Link, TrunkLinks
from voicebot.endpoints.sip.trunks import Trunk

QUICK, SOON = Pace(t1_s=0.05, t2_s=0.2, give_up_s=1.0), Pauses(first_s=0.05, longest_s=0.2)


def trunk(port: int, **registration: object) -> Trunk:
    given = {"registrar": f"127.0.0.1:{port}", "user": "bot", "password": "right", **registration}
    return Trunk.model_validate({"peers": ["127.0.0.0/8"], "registration": given})


@asynccontextmanager
async def registering(endpoint: SipEndpoint, chosen: Trunk) -> AsyncIterator[Link]:
    """Over the socket of a running endpoint, with pauses that a test can wait for."""
    port = endpoint.address[1]
    datagrams = StackDatagrams(port, endpoint.trace)
    links = TrunkLinks(datagrams, port, "127.0.0.1", pace=QUICK, pauses=SOON)
    await links.use({"carrier": chosen})
    try:
        yield links.links["carrier"]
    finally:
        await links.close()
        datagrams.close()


@pytest.mark.parametrize("algorithms", [("MD5",), ("SHA-256",), ("MD5", "SHA-256")])
async def test_it_registers_from_the_address_that_calls_are_to_come_to(
    start_bot: StartBot, open_registrar: OpenRegistrar, caplog: pytest.LogCaptureFixture, algorithms: tuple[str, ...]
) -> None:
    """With the best digest that the registrar offers; and it takes the registration back."""
    bot, registrar = await start_bot(), await open_registrar(Registrar(algorithms=algorithms))
    port = bot.address[1]
    async with registering(bot.endpoint, trunk(registrar.port)) as link:
        await until(lambda: registrar.contacts)
        assert list(registrar.contacts) == [f"sip:bot@127.0.0.1:{port}"]
        await until(lambda: link.registration and link.registration.state is Registered.REGISTERED)
        assert link.trouble is None
        assert {each[":from"] for each in registrar.seen} == {f"127.0.0.1:{port}"}
        assert f"algorithm={max(algorithms)}" in registrar.seen[-1]["authorization"]
        assert len({each["call-id"] for each in registrar.seen}) == 1
    assert "unhandled" not in caplog.text
    assert registrar.contacts == {}
    assert registrar.seen[-1]["expires"] == "0"


async def test_the_endpoint_itself_registers_keeps_it_over_a_reload_and_takes_it_back(
    start_bot: StartBot, open_registrar: OpenRegistrar
) -> None:
    registrar = await open_registrar(Registrar())
    chosen = settings(peers=(), trunks={"carrier": trunk(registrar.port).model_dump()})
    bot = await start_bot(chosen)
    await until(lambda: registrar.contacts)
    link = bot.endpoint.links["carrier"]
    asked = len(registrar.seen)
    bot.endpoint.let_in(chosen)
    elsewhere = {**chosen.trunks, "other": Trunk(peers=("192.0.2.7",))}
    bot.endpoint.let_in(chosen.model_copy(update={"trunks": elsewhere}))
    await until(lambda: set(bot.endpoint.settings.trunks) == {"carrier", "other"})
    assert bot.endpoint.links["carrier"] is link
    assert len(registrar.seen) == asked
    bot.endpoint.let_in(chosen.model_copy(update={"trunks": {"other": Trunk(peers=("192.0.2.7",))}}))
    await until(lambda: not registrar.contacts)


async def test_a_bot_that_drains_is_registered_no_more(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    """The provider sends its calls elsewhere while those under way go on."""
    registrar = await open_registrar(Registrar())
    bot = await start_bot(settings(peers=(), trunks={"carrier": trunk(registrar.port).model_dump()}))
    await until(lambda: registrar.contacts)
    await bot.endpoint.drain(0)
    await until(lambda: not registrar.contacts)
    assert bot.endpoint.healthy


async def test_a_wrong_password_is_told_and_tried_again(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    bot, registrar = await start_bot(), await open_registrar(Registrar(password="another"))
    async with registering(bot.endpoint, trunk(registrar.port)) as link:
        await until(lambda: link.registration and link.registration.state is Registered.FAILED)
        assert "user, password or realm is wrong" in str(link.trouble)
        registrar.password = "right"
        await until(lambda: registrar.contacts)
        await until(lambda: link.trouble is None)


async def test_a_stale_nonce_is_no_wrong_password(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    bot, registrar = await start_bot(), await open_registrar(Registrar(stale=2))
    async with registering(bot.endpoint, trunk(registrar.port)) as link:
        await until(lambda: link.registration and link.registration.state is Registered.REGISTERED)
        assert [each.get("authorization", "") == "" for each in registrar.seen] == [True, False, False, False]


async def test_an_interval_that_is_too_brief_is_made_longer(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    bot, registrar = await start_bot(), await open_registrar(Registrar(min_expires_s=1800))
    async with registering(bot.endpoint, trunk(registrar.port, expires_s=60)):
        await until(lambda: list(registrar.contacts.values()) == [1800])


async def test_it_is_refreshed_before_it_ends(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    bot, registrar = await start_bot(), await open_registrar(Registrar(grants_s=1))
    async with registering(bot.endpoint, trunk(registrar.port)):
        await until(lambda: len([each for each in registrar.seen if "authorization" in each]) >= 3)


async def test_a_busy_registrar_is_left_alone_for_as_long_as_it_says(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    bot, registrar = await start_bot(), await open_registrar(Registrar(busy=[1]))
    async with registering(bot.endpoint, trunk(registrar.port)) as link:
        await until(lambda: link.registration and link.registration.state is Registered.FAILED)
        assert "503" in str(link.trouble)
        began = asyncio.get_running_loop().time()
        await until(lambda: registrar.contacts)
        assert asyncio.get_running_loop().time() - began > 0.9


async def test_a_silent_registrar_is_asked_again_and_again(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    bot, registrar = await start_bot(), await open_registrar(Registrar(silent=True))
    async with registering(bot.endpoint, trunk(registrar.port)) as link:
        await until(lambda: link.registration and link.registration.state is Registered.FAILED)
        assert "does not answer" in str(link.trouble)
        assert len(registrar.seen) > 2
        registrar.silent = False
        await until(lambda: registrar.contacts)


async def test_it_registers_by_tcp(start_bot: StartBot) -> None:
    bot, registrar = await start_bot(), Registrar()
    server = await open_tcp(registrar)
    async with server, registering(bot.endpoint, trunk(server.sockets[0].getsockname()[1], transport="tcp")):
        await until(lambda: list(registrar.contacts) == [f"sip:bot@127.0.0.1:{bot.address[1]};transport=tcp"])


async def test_it_registers_by_tls_where_the_certificate_is_good(
    start_bot: StartBot, own_certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And nowhere else: a password's digest is given to nobody who cannot prove who they are."""
    bot, registrar = await start_bot(), Registrar()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own_certificate)
    server = await open_tcp(registrar, context)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with registering(bot.endpoint, trunk(port, transport="tls")) as link:
            await until(lambda: link.registration and link.registration.state is Registered.FAILED)
            assert "is not trusted" in str(link.trouble)
            assert registrar.seen == []
        trusting = trunk(port, transport="tls").model_copy(update={"tls_ca": own_certificate})
        async with registering(bot.endpoint, trusting):
            await until(lambda: list(registrar.contacts) == [f"sip:bot@127.0.0.1:{bot.address[1] + 1};transport=tls"])


async def test_a_proxy_on_the_way_gets_the_request_with_its_route(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    bot, proxy = await start_bot(), await open_registrar(Registrar())
    chosen = trunk(proxy.port, registrar="provider.example").model_copy(update={"outbound_proxy": f"127.0.0.1:{proxy.port}"})
    async with registering(bot.endpoint, chosen):
        await until(lambda: proxy.contacts)
        assert proxy.seen[-1]["route"] == f"<sip:127.0.0.1:{proxy.port};lr>"
        assert proxy.seen[-1]["to"] == "<sip:bot@provider.example>"


async def test_a_registrar_outside_the_peers_is_told_with_what_to_do(start_bot: StartBot, open_registrar: OpenRegistrar) -> None:
    """The gate would drop what it answers, and its calls."""
    bot, registrar = await start_bot(), await open_registrar(Registrar())
    chosen = trunk(registrar.port).model_copy(update={"peers": ("192.0.2.0/24",)})
    async with registering(bot.endpoint, chosen) as link:
        await until(lambda: link.registration and link.registration.state is Registered.FAILED)
        assert "not in the trunk's peers: add it there" in str(link.trouble)


def test_pauses_grow_and_differ() -> None:
    pauses = Pauses(first_s=5, longest_s=300)
    assert all(2.5 <= pauses.after(1) <= 5 for _ in range(50))
    assert all(150 <= pauses.after(20) <= 300 for _ in range(50))
    assert len({pauses.after(3) for _ in range(20)}) > 1
