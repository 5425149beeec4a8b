"""Tickets: issued within limits, accepted once, in doubt refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from caller_id.ticket import Refusal, TicketRefused, sign
from tests.voicebot.identity.bank import APP, START, Bank, opened, order
from tests.voicebot.state.servers import StateServer
from voicebot.config.identity import IdentitySettings
from voicebot.identity.clients import Client, ClientRefused
from voicebot.identity.keys import SigningKeys, new_key
from voicebot.identity.tickets import AUDIENCE, TicketService, reference
from voicebot.state.orderly import Orderly
from voicebot.state.quota import Quota
from voicebot.state.shared import SharedState

FINGERPRINT = ":".join(["AB"] * 32)


@pytest.fixture
async def bank(shared: SharedState, tmp_path: Path) -> AsyncIterator[Bank]:
    async with opened(shared, tmp_path) as running:
        yield running


async def refused(bank: Bank, token: str, fingerprint: str | None = None) -> Refusal:
    with pytest.raises(TicketRefused) as error:
        await bank.identity.tickets.accept(token, fingerprint=fingerprint, call="k1")
    return error.value.reason


async def refused_code(bank: Bank, code: str, call: str = "k1") -> Refusal:
    with pytest.raises(TicketRefused) as error:
        await bank.identity.tickets.accept_code(code, call)
    return error.value.reason


async def test_a_ticket_brings_a_call_what_the_bank_vouched_for_and_is_spent(bank: Bank) -> None:
    issued = await bank.identity.tickets.issue(APP, order(language="pl", screen="cards/blocked", device="d1"))
    ticket = await bank.identity.tickets.accept(issued.token, fingerprint=None, call="k1")
    assert ticket == issued.ticket
    assert (ticket.customer, ticket.level, ticket.screen, ticket.client) == ("c-4711", "app-biometric", "cards/blocked", "app")
    assert await refused(bank, issued.token) is Refusal.REPLAYED


async def test_of_two_hundred_calls_with_one_ticket_exactly_one_gets_it(bank: Bank, server: StateServer) -> None:
    """Over two processes, however slow the machine is."""
    issued = await bank.identity.tickets.issue(APP, order(phone_code=True))
    links = [SharedState(server.url, deadline_s=20.0) for _ in range(2)]
    services = [
        TicketService(
            IdentitySettings(),
            bank.own_keys,
            Orderly(link),
            Quota(Orderly(link)),
            bank.identity.audit,
            bank.metrics,
            clock=bank.clock,
        )
        for link in links
    ]
    calls = [services[number % 2].accept(issued.token, fingerprint=None, call=f"k{number}") for number in range(200)]
    told = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in told) == 1
    assert {each.reason for each in told if isinstance(each, TicketRefused)} == {Refusal.REPLAYED}
    for link in links:
        await link.close()
    assert await refused_code(bank, str(issued.code)) is Refusal.REPLAYED


async def test_a_ticket_that_nobody_used_expires(bank: Bank) -> None:
    issued = await bank.identity.tickets.issue(APP, order())
    assert issued.ticket.expires - issued.ticket.issued == timedelta(seconds=60)
    bank.clock.on(65)
    assert await refused(bank, issued.token) is Refusal.EXPIRED


async def test_what_is_refused_is_not_spent(bank: Bank) -> None:
    """Whoever holds a bound ticket without the app's certificate cannot even use it up."""
    issued = await bank.identity.tickets.issue(APP, order(fingerprint=FINGERPRINT))
    assert await refused(bank, issued.token, ":".join(["CD"] * 32)) is Refusal.FINGERPRINT
    assert await refused(bank, issued.token, None) is Refusal.FINGERPRINT
    assert await bank.identity.tickets.accept(issued.token, fingerprint=FINGERPRINT.lower(), call="k2") == issued.ticket


async def test_a_ticket_of_another_service_or_for_another_purpose(bank: Bank) -> None:
    issued = await bank.identity.tickets.issue(APP, order())
    own = bank.own_keys.signing
    assert await refused(bank, sign(issued.ticket, own, issuer="elsewhere", audience=AUDIENCE)) is Refusal.ISSUER
    assert await refused(bank, sign(issued.ticket, own, issuer="voicebot", audience="web")) is Refusal.AUDIENCE
    assert await refused(bank, sign(issued.ticket, bank.keys["app"], issuer="voicebot", audience=AUDIENCE)) is Refusal.KEY
    assert await refused(bank, bank.assertion()) is Refusal.TYPE
    assert await bank.identity.tickets.accept(issued.token, fingerprint=None, call="k") == issued.ticket


async def test_keys_are_rotated_without_losing_a_ticket_and_revoked_at_once(bank: Bank) -> None:
    tickets, keys = bank.identity.tickets, SigningKeys(bank.folder / "keys.json")  # another process: the command line
    before = await tickets.issue(APP, order())
    first = str(keys.signing.kid)
    second = keys.rotate("ES256")
    after = await tickets.issue(APP, order())
    for issued in (before, after):
        await tickets.accept(issued.token, fingerprint=None, call="k")
    lost = await tickets.issue(APP, order())
    keys.revoke(second)
    assert await refused(bank, lost.token) is Refusal.KEY
    assert [key["kid"] for key in bank.own_keys.public()["keys"]] == [first]
    keys.revoke(first)  # the last one: another takes its place
    assert bank.own_keys.signing.kid not in (first, second)


async def test_no_private_part_is_published(bank: Bank) -> None:
    bank.own_keys.rotate("ES256")
    for key in bank.own_keys.public()["keys"]:
        assert "d" not in key
        assert {"kid", "alg", "use", "kty", "crv", "x"} <= set(key)


# ---------------------------------------------------------------- the code of a telephone call


async def test_a_code_stands_for_its_ticket_once(bank: Bank) -> None:
    issued = await bank.identity.tickets.issue(APP, order(phone_code=True, fingerprint=FINGERPRINT))
    code = str(issued.code)
    assert (len(code), code[0]) == (9, "8")
    assert code.isdecimal()
    ticket = await bank.identity.tickets.accept_code(code, "k1")
    assert ticket.id == issued.ticket.id
    assert ticket.fingerprint is None  # a telephone shows none
    assert await refused_code(bank, code, "k2") is Refusal.CODE
    assert await refused(bank, issued.token, FINGERPRINT) is Refusal.REPLAYED


async def test_a_code_expires_with_its_ticket(bank: Bank) -> None:
    issued = await bank.identity.tickets.issue(APP, order(phone_code=True))
    assert issued.ticket.expires - issued.ticket.issued == timedelta(seconds=120)
    bank.clock.on(125)
    assert await refused_code(bank, str(issued.code)) is Refusal.EXPIRED
    with pytest.raises(TicketRefused):
        await bank.identity.tickets.code_for(issued.ticket)


@pytest.mark.parametrize("code", ["", "1", "12345", "1" * 13, "1234567a", "١٢٣٤٥٦٧٨", "12345678\n"])
async def test_what_is_no_code(bank: Bank, code: str) -> None:
    assert await refused_code(bank, code) is Refusal.CODE


async def test_a_call_has_three_tries(bank: Bank) -> None:
    code = str((await bank.identity.tickets.issue(APP, order(phone_code=True))).code)
    wrong = f"8{(int(code[1:]) + 1) % 10**8:08d}"
    assert [await refused_code(bank, wrong) for _ in range(4)] == [Refusal.CODE] * 3 + [Refusal.TRIES]
    bank.clock.on(70)  # for the whole call
    assert await refused_code(bank, code) is Refusal.TRIES
    assert (await bank.identity.tickets.accept_code(code, "k2")).customer == "c-4711"


async def test_guessing_from_many_calls_stops_after_some_wrong_codes_in_all(shared: SharedState, tmp_path: Path) -> None:
    """Also when they all guess at the same instant; right ones do not count."""
    async with opened(shared, tmp_path, wrong_codes_per_minute=20, per_customer_minute=1000) as bank:
        tickets = bank.identity.tickets
        for number in range(30):
            right = await tickets.issue(APP, order(phone_code=True))
            await tickets.accept_code(str(right.code), f"right-{number}")
        last = str((await tickets.issue(APP, order(phone_code=True))).code)
        guesses = [f"{number:08d}" for number in range(300) if f"{number:08d}" != last]
        told = [await refused_code(bank, guess, f"k{guess}") for guess in guesses[:60]]
        assert told.count(Refusal.CODE) == 20
        assert await refused_code(bank, last, "honest") is Refusal.TRIES
        bank.clock.on(60)
        assert await tickets.accept_code(last, "honest")


async def test_of_many_who_type_one_code_one_gets_it(bank: Bank) -> None:
    code = str((await bank.identity.tickets.issue(APP, order(phone_code=True))).code)
    told = await asyncio.gather(
        *(bank.identity.tickets.accept_code(code, f"k{number}") for number in range(15)), return_exceptions=True
    )
    assert sum(not isinstance(each, BaseException) for each in told) == 1


# ---------------------------------------------------------------- limits, and what is away


async def test_a_customer_gets_some_tickets_a_minute_and_the_others_theirs(bank: Bank) -> None:
    for _ in range(5):
        await bank.identity.tickets.issue(APP, order())
    with pytest.raises(ClientRefused) as error:
        await bank.identity.tickets.issue(APP, order())
    assert (error.value.reason, error.value.status, error.value.retry_s) == ("limit", 429, 55)
    await bank.identity.tickets.issue(APP, order("c-2"))
    await bank.identity.tickets.issue(Client("other"), order())  # another bank's customer of the same reference
    bank.clock.on(60)
    await bank.identity.tickets.issue(APP, order())


async def test_all_tickets_together_have_a_limit_that_refused_ones_do_not_use_up(shared: SharedState, tmp_path: Path) -> None:
    async with opened(shared, tmp_path, per_minute=10, per_customer_minute=2) as bank:
        told = await asyncio.gather(*(bank.identity.tickets.issue(APP, order()) for _ in range(50)), return_exceptions=True)
        assert sum(not isinstance(each, BaseException) for each in told) == 2
        others = [bank.identity.tickets.issue(APP, order(f"c-{number}")) for number in range(50)]
        told = await asyncio.gather(*others, return_exceptions=True)
        assert sum(not isinstance(each, BaseException) for each in told) == 8


async def test_orders_that_cannot_be(bank: Bank) -> None:
    bound = Client("app", require_fingerprint=True)
    with pytest.raises(ClientRefused, match="fingerprint"):
        await bank.identity.tickets.issue(bound, order())
    assert await bank.identity.tickets.issue(bound, order(fingerprint=FINGERPRINT))
    with pytest.raises(ClientRefused, match="future"):
        await bank.identity.tickets.issue(APP, order(auth_time=START + timedelta(minutes=1)))


async def test_a_state_server_that_was_emptied_lets_no_ticket_count_twice(bank: Bank, server: StateServer) -> None:
    """What was issued before may have been spent before; what is issued afterwards is good."""
    spent, unspent = await bank.identity.tickets.issue(APP, order()), await bank.identity.tickets.issue(APP, order("c-2"))
    assert await bank.identity.tickets.accept(spent.token, fingerprint=None, call="k1")
    bank.clock.on(2)
    async with Redis.from_url(server.url) as redis:
        await redis.flushall()
    assert await refused(bank, spent.token) is Refusal.UNAVAILABLE
    assert await refused(bank, unspent.token) is Refusal.UNAVAILABLE
    later = await bank.identity.tickets.issue(APP, order("c-3"))
    assert await bank.identity.tickets.accept(later.token, fingerprint=None, call="k2")
    assert await refused(bank, later.token) is Refusal.REPLAYED


async def test_a_ticket_for_a_telephone_alone_is_of_no_use_to_an_app_where_they_must_be_bound(bank: Bank) -> None:
    """A code needs no certificate; the ticket that comes with it must not be the way around one."""
    bound = Client("app", require_fingerprint=True)
    for _ in range(2):
        issued = await bank.identity.tickets.issue(bound, order(phone_code=True))
        for shown in (FINGERPRINT, None):
            with pytest.raises(TicketRefused) as told:
                await bank.identity.tickets.accept(issued.token, fingerprint=shown, call="k1")
            assert told.value.reason is Refusal.FINGERPRINT
    assert (await bank.identity.tickets.accept_code(str(issued.code), "k2")).customer == "c-4711"


async def test_while_the_state_server_is_away_everything_is_refused_and_nothing_accepted(bank: Bank, server: StateServer) -> None:
    issued = await bank.identity.tickets.issue(APP, order(phone_code=True))
    server.kill()
    assert await refused(bank, issued.token) is Refusal.UNAVAILABLE
    assert await refused_code(bank, str(issued.code)) is Refusal.UNAVAILABLE
    with pytest.raises(ClientRefused) as error:
        await bank.identity.tickets.issue(APP, order())
    assert error.value.status == 503


async def test_a_frozen_state_server_refuses_within_its_deadline(bank: Bank, server: StateServer) -> None:
    issued = await bank.identity.tickets.issue(APP, order())
    server.freeze()
    try:
        assert await refused(bank, issued.token) is Refusal.UNAVAILABLE
    finally:
        server.thaw()


async def test_without_usable_keys_everything_is_refused(bank: Bank) -> None:
    issued = await bank.identity.tickets.issue(APP, order())
    (bank.folder / "keys.json").write_text("{}")
    assert await refused(bank, issued.token) is Refusal.UNAVAILABLE


async def test_the_trail_tells_every_step_and_holds_no_ticket(bank: Bank) -> None:
    tickets = bank.identity.tickets
    issued = await tickets.issue(APP, order(phone_code=True))
    await tickets.accept(issued.token, fingerprint=None, call="k1")
    await refused(bank, issued.token)
    await refused_code(bank, "00000000")
    await bank.identity.audit.close()
    lines = bank.lines()
    assert [line.note.what for line in lines] == ["ticket.issued", "ticket.spent", "ticket.refused", "ticket.refused"]
    told = "".join(line.note.facts for line in lines)
    assert told.count(reference(issued.ticket)) == 3
    for secret in (issued.token, issued.ticket.id, str(issued.code), "00000000"):
        assert secret not in told
    assert 'voicebot_tickets_total{outcome="replayed"} 1.0' in bank.metrics.render()


# ---------------------------------------------------------------- our own keys


def test_keys_that_others_may_read_are_not_used(tmp_path: Path) -> None:
    keys = SigningKeys(path := tmp_path / "keys.json")
    assert keys.signing.kid
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    path.touch()
    with pytest.raises(Exception, match="others may read"):
        SigningKeys(path).signing  # noqa: B018


def test_processes_that_start_at_once_make_one_key(tmp_path: Path) -> None:
    kids = {SigningKeys(tmp_path / "keys.json").signing.kid for _ in range(3)}
    assert len(kids) == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"keys": []}', '{"keys": [5]}', '{"keys": [{"kty": "oct", "k": "AA"}]}'])
def test_a_file_that_is_no_private_key_set_says_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(Exception, match=r"keys\.json"):
        SigningKeys(path).signing  # noqa: B018


def test_a_public_key_signs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.touch(0o600)
    path.write_text(json.dumps({"keys": [new_key().as_dict(private=False)]}))
    with pytest.raises(Exception, match="private"):
        SigningKeys(path).signing  # noqa: B018
