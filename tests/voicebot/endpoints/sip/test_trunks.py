"""Each trunk is known by its address, and its callers are told by its own rules: on the wire, with odd headers."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caller_id.types import Caller, NumberTrust
from tests.voicebot.endpoints.sip.conftest import Bot, OpenProbe, StartBot, settings
from tests.voicebot.endpoints.sip.sip_probe import DEADLINE_S, Probe
from voicebot.endpoints.sip.leg import SipLeg
from voicebot.endpoints.sip.peers import parse_networks
from voicebot.endpoints.sip.trunks import Trunk, come_from, short_form, trunk_of

NORTH, SOUTH, FOREIGN = "127.0.0.2", "127.0.0.3", "127.0.0.4"
TRUNKS = {
    "north": {"peers": [f"{NORTH}/32"], "caller_id": {"number_format": "national", "headers": ["p-asserted-identity"]}},
    "south": {
        "peers": ["127.0.0.0/29"],
        "caller_id": {"headers": ["remote-party-id", "from"], "privacy": False, "verstat": True},
    },
    "foreign": {"peers": [f"{FOREIGN}/32"], "caller_id": {"trusted": False, "country": "DE"}},
}
SURE = "+48600000002;verstat=TN-Validation-Passed-A"
PAI, RPID = "P-Asserted-Identity: <sip:600000001@x>", "Remote-Party-ID: <sip:+48600000002@x>;party=calling"


async def _told(bot: Bot, probe: Probe, *headers: str) -> tuple[SipLeg, Caller]:
    probe.invite(headers=headers)
    leg = await bot.leg()
    return leg, await bot.endpoint.identify(leg.offer)


@pytest.mark.parametrize(
    ("host", "headers", "trunk", "number", "trust"),
    [
        (NORTH, (PAI, RPID), "north", "+48600000001", NumberTrust.TRUNK),
        (NORTH, (RPID,), "north", "+48600100200", NumberTrust.NONE),
        (SOUTH, (PAI, RPID), "south", "+48600000002", NumberTrust.TRUNK),
        (SOUTH, (PAI,), "south", "+48600100200", NumberTrust.TRUNK),
        (SOUTH, (RPID, "Privacy: id"), "south", "+48600000002", NumberTrust.TRUNK),
        (NORTH, (PAI, "Privacy: id"), "north", None, NumberTrust.NONE),
        (FOREIGN, (PAI, RPID), "foreign", "+48600100200", NumberTrust.NONE),
        (
            SOUTH,
            ("Remote-Party-ID: <tel:+48600000002;verstat=TN-Validation-Passed-A>",),
            "south",
            "+48600000002",
            NumberTrust.ATTESTED,
        ),
        (SOUTH, ("Remote-Party-ID: <sip:10.1.2.3>",), "south", "+48600100200", NumberTrust.TRUNK),
        (NORTH, ('P-Asserted-Identity: "+48600999999" <sip:10.1.2.3>',), "north", "+48600100200", NumberTrust.NONE),
        (NORTH, ("p-asserted-identity:<sip:600000001@x>",), "north", "+48600000001", NumberTrust.TRUNK),
        (NORTH, ("P-Asserted-Identity: <sip:reception@x>,\r\n <tel:600000001>",), "north", "+48600000001", NumberTrust.TRUNK),
        (NORTH, ("P-Asserted-Identity: <sip:reception@x>", PAI), "north", "+48600000001", NumberTrust.TRUNK),
        (NORTH, (PAI, "Privacy: none", "Privacy: id"), "north", None, NumberTrust.NONE),
        (NORTH, (PAI, "Privacy: none,\r\n\tid"), "north", None, NumberTrust.NONE),
        (NORTH, ("P-Asserted-Identity: " + "<" * 900,), "north", "+48600100200", NumberTrust.NONE),
        (NORTH, ("P-Asserted-Identity: <sip:700123456@x>",), "north", "+48700123456", NumberTrust.NONE),
    ],
)
async def test_each_trunk_has_its_own_rules(
    start_bot: StartBot,
    open_probe: OpenProbe,
    host: str,
    headers: tuple[str, ...],
    trunk: str,
    number: str | None,
    trust: NumberTrust,
) -> None:
    bot = await start_bot(settings(peers=(), trunks=TRUNKS))
    leg, caller = await _told(bot, await open_probe(bot, host), *headers)
    assert (leg.offer.trunk, caller.number, caller.trust) == (trunk, number, trust)
    await leg.hang_up()


async def test_a_history_in_several_headers_is_read_whole(start_bot: StartBot, open_probe: OpenProbe) -> None:
    """As most carriers send it: a line an entry."""
    bot = await start_bot(settings(peers=(), trunks=TRUNKS))
    history = ("History-Info: <sip:221111111@x>;index=1", "History-Info: <sip:222222222@x>;index=1.1,", " <sip:3@x>;index=1.1.1")
    leg, caller = await _told(bot, await open_probe(bot, NORTH), history[0], "\r\n".join(history[1:]))
    assert caller.diverted_from == "+48222222222"
    await leg.hang_up()


async def test_a_call_id_that_another_sender_has_learned_lends_it_no_trust(start_bot: StartBot, open_probe: OpenProbe) -> None:
    """Call-IDs pass through many hands. Whoever sends a known one from elsewhere is taken for nobody."""
    bot = await start_bot(settings(peers=(), trunks=TRUNKS))
    first, second = await open_probe(bot, NORTH), await open_probe(bot, FOREIGN)
    leg, caller = await _told(bot, first, PAI)
    assert caller.trust is NumberTrust.TRUNK
    await leg.hang_up()
    second.call_id = first.call_id
    leg, caller = await _told(bot, second, PAI)
    assert (leg.offer.trunk, caller.number, caller.trust) == (None, "+48600100200", NumberTrust.NONE)
    await leg.hang_up()


async def test_other_trunks_hold_from_the_next_call_on(start_bot: StartBot, open_probe: OpenProbe) -> None:
    chosen = settings(peers=(), trunks=TRUNKS)
    bot = await start_bot(chosen)
    probe = await open_probe(bot, NORTH)
    leg, _ = await _told(bot, probe, PAI)
    await leg.hang_up()
    changed = {**TRUNKS, "north": {"peers": [f"{NORTH}/32"], "caller_id": {"trusted": False}}}
    bot.endpoint.let_in(settings(port=chosen.port, peers=(), trunks=changed))
    leg, caller = await _told(bot, await open_probe(bot, NORTH), PAI)
    assert (leg.offer.trunk, caller.trust) == ("north", NumberTrust.NONE)
    await leg.hang_up()


ADDRESS = st.ip_addresses(v=4) | st.ip_addresses(v=6)
NETWORK = st.tuples(ADDRESS, st.integers(1, 32)).map(lambda pair: str(ip_network((pair[0], pair[1]), strict=False)))


@given(st.lists(NETWORK, max_size=5), st.none() | st.lists(NETWORK, max_size=5), ADDRESS, st.data())
def test_the_short_form_trusts_just_what_it_used_to(
    peers: list[str], trusted: list[str] | None, address: object, data: st.DataObject
) -> None:
    """Whoever is in `trusted`, or where that is not set, in `peers`; and nobody outside of `peers`."""
    if peers:
        inside = ip_network(data.draw(st.sampled_from(peers + (trusted or []))))
        address = data.draw(st.sampled_from([address, inside.network_address, inside.broadcast_address]))
    trunks = short_form(peers, trusted, verstat=False)
    found = trunk_of(trunks, [str(address)])
    there = ip_address(str(address))
    if getattr(there, "ipv4_mapped", None) is not None:
        return

    def within(networks: list[str]) -> bool:
        return any(there in ip_network(network) for network in networks)

    assert (found is not None) is within(peers)
    if found is not None:
        assert trunks[found].caller_id.trusted is within(peers if trusted is None else trusted)


def test_an_address_belongs_to_the_narrowest_network_around_it() -> None:
    trunks = {"wide": Trunk(peers=("10.0.0.0/8",)), "narrow": Trunk(peers=("10.1.0.0/16", "2001:db8::/32"))}
    assert trunk_of(trunks, ["10.2.0.1"]) == "wide"
    assert trunk_of(trunks, ["10.1.0.1"]) == "narrow"
    assert trunk_of(trunks, ["::ffff:10.1.0.1"]) == trunk_of(trunks, ["2001:db8::9"]) == "narrow"
    for elsewhere in ([], [""], ["192.0.2.1"], ["10.1.0.1", "10.2.0.1"], ["pbx.example"]):
        assert trunk_of(trunks, elsewhere) is None


def test_an_invite_comes_from_a_network_when_all_its_senders_are_there() -> None:
    (network,) = parse_networks(["10.1.0.0/16"])
    assert come_from(network, ["10.1.0.1", "::ffff:10.1.0.2"])
    for elsewhere in ([], [""], ["192.0.2.1"], ["10.1.0.1", "192.0.2.1"], ["pbx.example"], ["2001:db8::9"]):
        assert not come_from(network, elsewhere)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"trunks": {"a": {"peers": ["0.0.0.0/0"]}}}, "trunks: a has a /0, which is everybody"),
        ({"trunks": {"a": {"peers": ["10.0.0.1/8"]}}}, "is no network"),
        ({"trunks": {"a": {"peers": []}}}, "trunks: a has no peers"),
        ({"trunks": {"A trunk": {"peers": ["10.0.0.0/8"]}}}, "pattern"),
        ({"trunks": {"peers": {"peers": ["10.0.0.0/8"]}}}, "is the name of the short form's"),
        ({"trunks": {"a": {"peers": ["10.0.0.0/8"]}, "b": {"peers": ["10.0.0.0/8"]}}}, "is in both a and b"),
        ({"peers": ["10.0.0.0/8"], "trunks": {"b": {"peers": ["10.0.0.0/8"]}}}, "is in both peers and b"),
        ({"trunks": {"a": {"peers": ["10.0.0.0/8"], "caller_id": {"country": "Poland"}}}}, "is no country"),
        ({"trunks": {"a": {"peers": ["10.0.0.0/8"], "caller_id": {"headers": ["pai"]}}}}, "p-asserted-identity"),
    ],
)
def test_mistakes_are_explained(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        settings(**{"peers": (), **changes})


async def test_a_flood_of_odd_headers_ends_in_calls_and_nothing_else(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(peers=(), trunks=TRUNKS))
    odd = (
        "<sip:>",
        '"',
        "<sip:%@x>",
        "tel:",
        "<tel:+>;x",
        "<sip:1@[::1>",
        "a, b, <c",
        "<sip:+48600000001@x>;verstat",
        "\x7f",
        "ż",
    )
    for text in odd:
        probe = await open_probe(bot, NORTH)
        names = ("P-Asserted-Identity", "Remote-Party-ID", "Privacy", "Diversion", "History-Info", "Identity")
        probe.invite(headers=tuple(f"{name}: {text}" for name in names))
        leg = await asyncio.wait_for(bot.ringing.get(), DEADLINE_S)
        assert isinstance(await bot.endpoint.identify(leg.offer), Caller)
        await leg.hang_up()
