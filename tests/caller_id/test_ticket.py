"""A ticket is what we signed for this purpose a moment ago, and nothing else is one."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey

from caller_id.ticket import LONGEST_LIFE, MOST_OCTETS, Refusal, SigningKey, Ticket, TicketRefused, sign, verify
from caller_id.types import Segment

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
ISSUER, AUDIENCE = "voicebot", "click2call"
FINGERPRINT = ":".join(f"{octet:02X}" for octet in range(32))


def made(kid: str, algorithm: str = "Ed25519") -> SigningKey:
    named = {"kid": kid, "alg": algorithm, "use": "sig"}
    if algorithm == "Ed25519":
        return OKPKey.import_key({**OKPKey.generate_key("Ed25519").as_dict(private=True), **named})
    return ECKey.import_key({**ECKey.generate_key("P-256").as_dict(private=True), **named})


OLD, NEW, EC, FOREIGN = made("2026-10"), made("2026-11"), made("ec", "ES256"), made("2026-11")
KEYS = KeySet([NEW, OLD, EC])
TICKET = Ticket(
    id="0123456789abcdef",
    customer="c-4711",
    segment=Segment.SELECT,
    level="app-biometric",
    auth_time=NOW - timedelta(minutes=3),
    issued=NOW,
    expires=NOW + timedelta(seconds=60),
    client="app",
    language="pl",
    screen="cards/blocked",
    device="d-1",
    fingerprint=FINGERPRINT,
)


def token(key: SigningKey = NEW, **claims: Any) -> str:
    """A token with these claims changed; None leaves one out."""
    plain = jwt.decode(sign(TICKET, key, issuer=ISSUER, audience=AUDIENCE), key, algorithms=[str(key.alg)]).claims
    return raw({name: value for name, value in (plain | claims).items() if value is not None}, key)


def raw(claims: Any, key: SigningKey = NEW, **header: Any) -> str:
    heading = {"alg": key.alg, "kid": key.kid, "typ": "c2c+jwt"} | header
    heading = {name: value for name, value in heading.items() if value is not None}
    return jws.serialize_compact(heading, json.dumps(claims).encode(), key, algorithms=[str(key.alg)])


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).rstrip(b"=").decode()


def reason(text: str, keys: KeySet = KEYS, now: datetime = NOW) -> Refusal | None:
    try:
        verify(text, keys, now, issuer=ISSUER, audience=AUDIENCE)
    except TicketRefused as refused:
        return refused.reason
    return None


@pytest.mark.parametrize("key", [NEW, OLD, EC], ids=["new", "old", "ES256"])
def test_what_was_signed_comes_back_whole(key: SigningKey) -> None:
    assert verify(sign(TICKET, key, issuer=ISSUER, audience=AUDIENCE), KEYS, NOW, issuer=ISSUER, audience=AUDIENCE) == TICKET


def test_a_ticket_without_what_may_be_missing() -> None:
    bare = replace(TICKET, language=None, screen="", device="", fingerprint=None)
    assert verify(sign(bare, NEW, issuer=ISSUER, audience=AUDIENCE), KEYS, NOW, issuer=ISSUER, audience=AUDIENCE) == bare


GOOD = token()
HEAD, BODY, SIGNATURE = GOOD.split(".")
CLAIMS = jwt.decode(GOOD, NEW, algorithms=["Ed25519"]).claims
SECRET = OctKey.import_key(json.dumps(NEW.as_dict(private=False)).encode())
WHEN = int(NOW.timestamp())

REFUSED: dict[str, tuple[str, Refusal]] = {
    "by another's key of the same name": (token(FOREIGN), Refusal.ALTERED),
    "by a key that nobody knows": (raw(CLAIMS, made("x")), Refusal.KEY),
    "without a key's name": (raw(CLAIMS, kid=None), Refusal.KEY),
    "a key's name that is no text": (f"{part({'alg': 'Ed25519', 'kid': 5, 'typ': 'c2c+jwt'})}.{BODY}.{SIGNATURE}", Refusal.KEY),
    "other claims under the signature": (f"{HEAD}.{part(CLAIMS | {'sub': 'c-1'})}.{SIGNATURE}", Refusal.ALTERED),
    "without a signature": (f"{HEAD}.{BODY}.", Refusal.ALTERED),
    "the algorithm none": (f"{part({'alg': 'none', 'kid': '2026-11', 'typ': 'c2c+jwt'})}.{BODY}.", Refusal.ALGORITHM),
    "our public key as a secret": (
        jws.serialize_compact(
            {"alg": "HS256", "kid": "2026-11", "typ": "c2c+jwt"}, json.dumps(CLAIMS).encode(), SECRET, ["HS256"]
        ),
        Refusal.ALGORITHM,
    ),
    "an algorithm that is not the key's": (raw(CLAIMS, EC, kid="2026-11"), Refusal.ALGORITHM),
    "an algorithm that is no text": (f"{part({'alg': ['Ed25519'], 'kid': 'x', 'typ': 'c2c+jwt'})}.{BODY}.x", Refusal.ALGORITHM),
    "the old name of the algorithm": (
        f"{part({'alg': 'EdDSA', 'kid': '2026-11', 'typ': 'c2c+jwt'})}.{BODY}.x",
        Refusal.ALGORITHM,
    ),
    "another kind of token": (raw(CLAIMS, typ="JWT"), Refusal.TYPE),
    "no kind of token": (raw(CLAIMS, typ=None), Refusal.TYPE),
    "a header that must be understood": (
        f"{part({'alg': 'Ed25519', 'kid': '2026-11', 'typ': 'c2c+jwt', 'crit': ['x'], 'x': 1})}.{BODY}.{SIGNATURE}",
        Refusal.MALFORMED,
    ),
    "another issuer": (token(iss="bank"), Refusal.ISSUER),
    "no issuer": (token(iss=None), Refusal.ISSUER),
    "another audience": (token(aud="web"), Refusal.AUDIENCE),
    "an audience among others": (token(aud=[AUDIENCE, "web"]), Refusal.AUDIENCE),
    "no audience": (token(aud=None), Refusal.AUDIENCE),
    "longer than two minutes": (token(exp=WHEN + 121), Refusal.LIFE),
    "the end before the beginning": (token(iat=WHEN + 2, exp=WHEN + 1), Refusal.LIFE),
    "expired": (token(iat=WHEN - 66, exp=WHEN - 6), Refusal.EXPIRED),
    "from the future": (token(iat=WHEN + 6, exp=WHEN + 60), Refusal.EARLY),
    "no end": (token(exp=None), Refusal.CLAIMS),
    "an end in words": (token(exp="tomorrow"), Refusal.CLAIMS),
    "a broken end": (token(exp=WHEN + 0.5), Refusal.CLAIMS),
    "an end beyond the calendar": (token(exp=10**30), Refusal.CLAIMS),
    "a yes for an end": (token(exp=True), Refusal.CLAIMS),
    "no beginning": (token(iat=None), Refusal.CLAIMS),
    "no id": (token(jti=None), Refusal.CLAIMS),
    "an empty id": (token(jti=""), Refusal.CLAIMS),
    "an id that is no text": (token(jti=["a"]), Refusal.CLAIMS),
    "no customer": (token(sub=None), Refusal.CLAIMS),
    "no level": (token(acr=None), Refusal.CLAIMS),
    "no client": (token(client_id=None), Refusal.CLAIMS),
    "a segment that nobody has": (token(segment="royal"), Refusal.CLAIMS),
    "a fingerprint of another form": (token(fp="AA:BB"), Refusal.CLAIMS),
    "a list for claims": (raw([1]), Refusal.MALFORMED),
    "no JSON": (
        jws.serialize_compact({"alg": "Ed25519", "kid": "2026-11", "typ": "c2c+jwt"}, b"{", NEW, ["Ed25519"]),
        Refusal.MALFORMED,
    ),
    "deep nesting": (
        jws.serialize_compact({"alg": "Ed25519", "kid": "2026-11", "typ": "c2c+jwt"}, b'{"a":' + b"[" * 2900, NEW, ["Ed25519"]),
        Refusal.MALFORMED,
    ),
    "nothing": ("", Refusal.MALFORMED),
    "garbage": ("a.b.c", Refusal.MALFORMED),
    "two parts": (f"{HEAD}.{BODY}", Refusal.MALFORMED),
    "four parts": (f"{GOOD}.x", Refusal.MALFORMED),
    "other letters": (f"{GOOD}ż", Refusal.MALFORMED),
    "a list for a header": (f"{part([1])}.{BODY}.{SIGNATURE}", Refusal.MALFORMED),
    "4 kB and one": ("a" * (MOST_OCTETS + 1), Refusal.SIZE),
    "a real one of 5 kB": (token(screen="x" * 4000), Refusal.SIZE),
}


@pytest.mark.parametrize(("text", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_ticket_is_refused_with_its_reason(text: str, why: Refusal) -> None:
    assert reason(text) is why


def test_the_good_one_is_good() -> None:
    """Else the table above proves nothing."""
    assert reason(GOOD) is None
    assert reason(raw(CLAIMS)) is None


def test_a_revoked_key_is_refused_and_the_others_still_count() -> None:
    without = KeySet([NEW, EC])
    assert reason(token(OLD), without) is Refusal.KEY
    assert reason(token(NEW), without) is None
    assert reason(GOOD, KeySet([])) is Refusal.KEY


@pytest.mark.parametrize(("seconds", "why"), [(-6, Refusal.EARLY), (-5, None), (0, None), (64, None), (65, Refusal.EXPIRED)])
def test_clocks_may_differ_by_five_seconds(seconds: int, why: Refusal | None) -> None:
    assert reason(GOOD, now=NOW + timedelta(seconds=seconds)) is why


def test_the_longest_life_is_allowed() -> None:
    assert reason(token(exp=WHEN + int(LONGEST_LIFE.total_seconds()))) is None


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
@settings(max_examples=300, deadline=None)
def test_no_letter_of_a_ticket_can_be_changed(place: int, letter: str) -> None:
    """Unless it means the same octets: the last letter of a part holds bits that nobody reads."""
    changed = GOOD[:place] + letter + GOOD[place + 1 :]
    refused = reason(changed)
    if changed != GOOD and refused is None:
        assert [octets(each) for each in changed.split(".")] == [octets(each) for each in GOOD.split(".")]


def octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@given(st.one_of(st.text(max_size=200), st.lists(st.binary(max_size=40).map(part), min_size=1, max_size=5).map(".".join)))
@example("..")
@settings(deadline=None)
def test_whatever_comes_is_refused_and_nothing_else_happens(text: str) -> None:
    assert reason(text) is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*CLAIMS, "cnf", "scope"]), json_values, max_size=4))
@settings(max_examples=200, deadline=None)
def test_claims_of_any_form_make_a_ticket_or_a_refusal(claims: dict[str, Any]) -> None:
    """Even those that our own key signed."""
    text = raw(CLAIMS | claims)
    try:
        ticket = verify(text, KEYS, NOW, issuer=ISSUER, audience=AUDIENCE)
    except TicketRefused:
        return
    assert timedelta(0) < ticket.expires - ticket.issued <= LONGEST_LIFE
    assert all(isinstance(each, str) and each for each in (ticket.id, ticket.customer, ticket.level, ticket.client))


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5c", "zip", "enc"]), json_values, max_size=4
    )
)
@settings(max_examples=200, deadline=None)
def test_a_header_of_any_form_opens_nothing(header: dict[str, Any]) -> None:
    """A key that the token brings itself is never believed."""
    heading = {"alg": "Ed25519", "kid": "2026-11", "typ": "c2c+jwt", "jwk": FOREIGN.as_dict(private=False)} | header
    assert reason(f"{part(heading)}.{BODY}.{SIGNATURE}") is not None
