"""Precedence, privacy and trust of identity headers."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caller_id.headers import Asserted, read_identity, read_user_to_user
from caller_id.phone_numbers import NumberKind
from caller_id.rules import CallerIdRules
from caller_id.types import NumberTrust

PAI, RPID, FROM = "+48600000001", "+48600000002", "+48600000003"
FROM_URI = f"sip:{FROM}@pbx.example"
HEADERS = {
    "p-asserted-identity": f'"A" <sip:{PAI}@pbx.example>',
    "remote-party-id": f"<sip:{RPID}@pbx.example>;party=calling;screen=yes;privacy=off",
}


def read(headers: dict[str, str], *, from_uri: str = FROM_URI, trusted: bool = True, attestation: bool = False) -> Asserted:
    return read_identity(headers, from_uri, CallerIdRules(trusted=trusted, verstat=attestation))


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in HEADERS.items() if name not in names}


@pytest.mark.parametrize(
    ("headers", "number"),
    [
        (HEADERS, PAI),
        (without("p-asserted-identity"), RPID),
        (without("p-asserted-identity", "remote-party-id"), FROM),
        ({"p-asserted-identity": "<sip:alice@pbx.example>, <tel:+48600000009>"}, "+48600000009"),
        ({"p-asserted-identity": '"Kowalski, Jan" <sip:+48600000009@pbx.example>'}, "+48600000009"),
        ({"p-asserted-identity": "<sip:alice@pbx.example>"}, FROM),
        ({"remote-party-id": f"<sip:{RPID}@pbx.example>;party=called"}, FROM),
    ],
)
def test_the_asserted_number_goes_before_the_claimed_one(headers: dict[str, str], number: str) -> None:
    """P-Asserted-Identity, then Remote-Party-ID of the calling party, then From; the first that holds a number."""
    assert read(headers) == Asserted(read(headers).number, NumberTrust.TRUNK)
    assert read(headers).number.e164 == number


def test_an_untrusted_peer_only_claims() -> None:
    """Its identity headers and diversions are not read; its From is, without trust (RFC 3325, 5)."""
    headers = HEADERS | {"diversion": "<sip:+48221234567@x>", "history-info": "<sip:+48221234567@x>;index=1, <sip:1@x>;index=1.1"}
    asserted = read(headers, trusted=False)
    assert (asserted.number.e164, asserted.trust, asserted.diverted_from) == (FROM, NumberTrust.NONE, None)


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    "headers",
    [
        {"privacy": "id"},
        {"privacy": "user;critical"},
        {"privacy": "header"},
        {"privacy": "Session; ID"},
        {"privacy": "none, " * 999 + "id"},
    ],
)
def test_who_asks_for_privacy_is_withheld(headers: dict[str, str], trusted: bool) -> None:
    """RFC 3323, RFC 3325 section 7: the number is not even known to the caller's record."""
    asserted = read(HEADERS | headers, trusted=trusted)
    assert asserted.withheld
    assert asserted.number.e164 is None


@pytest.mark.parametrize(
    "headers",
    [
        {"remote-party-id": f"<sip:{RPID}@pbx.example>;privacy=full"},
        {"remote-party-id": f"<sip:{RPID}@pbx.example>;privacy=uri"},
        {"remote-party-id": f"<sip:{RPID}@pbx.example>;privacy=uri-network"},
        {"remote-party-id": f'<sip:{RPID}@pbx.example>;privacy="name, full-network"'},
        {"p-asserted-identity": "<sip:anonymous@anonymous.invalid>"},
    ],
)
def test_an_asserted_number_that_is_hidden_is_withheld(headers: dict[str, str]) -> None:
    """The next header must not uncover what this one hides."""
    assert read(headers).withheld


def test_an_anonymous_from_hides_the_asserted_number() -> None:
    """The caller asked for anonymity, though the trunk forgot the Privacy header."""
    assert read(HEADERS, from_uri='"Anonymous" <sip:anonymous@anonymous.invalid>').withheld


def test_privacy_none_hides_nothing() -> None:
    """RFC 3323: "none" asks that nothing be hidden."""
    assert read(HEADERS | {"privacy": "none"}).number.e164 == PAI


def test_an_unscreened_remote_party_is_not_trusted() -> None:
    """The network says itself that it did not check."""
    asserted = read({"remote-party-id": f"<sip:{RPID}@pbx.example>;screen=no"})
    assert (asserted.number.e164, asserted.trust) == (RPID, NumberTrust.NONE)


def passport(level: object) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"attest": level}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJFUzI1NiJ9.{claims}.c2ln;info=<https://x/c.pem>;alg=ES256"


def verified(verdict: str) -> dict[str, str]:
    return {"p-asserted-identity": f"<sip:{PAI};verstat={verdict}@pbx.example>"}


@pytest.mark.parametrize(
    ("headers", "attestation", "trust"),
    [
        (verified("TN-Validation-Passed-A"), True, NumberTrust.ATTESTED),
        (verified("TN-Validation-Passed-A"), False, NumberTrust.TRUNK),
        (verified("TN-Validation-Passed-B"), True, NumberTrust.TRUNK),
        (verified("TN-Validation-Passed"), True, NumberTrust.TRUNK),
        (verified("TN-Validation-Passed") | {"p-attestation-indicator": "A"}, True, NumberTrust.ATTESTED),
        (verified("TN-Validation-Passed") | {"p-attestation-indicator": "C"}, True, NumberTrust.TRUNK),
        (verified("TN-Validation-Passed") | {"identity": passport("A")}, True, NumberTrust.ATTESTED),
        (verified("TN-Validation-Passed") | {"identity": passport("B")}, True, NumberTrust.TRUNK),
        (verified("TN-Validation-Passed") | {"identity": passport(["A"])}, True, NumberTrust.TRUNK),
        (verified("TN-Validation-Passed") | {"identity": "x.é.z"}, True, NumberTrust.TRUNK),
        (verified("No-TN-Validation"), True, NumberTrust.TRUNK),
        (verified("TN-Validation-Failed"), True, NumberTrust.NONE),
        (verified("TN-Validation-Failed"), False, NumberTrust.NONE),
        (HEADERS | {"identity": passport("A")}, True, NumberTrust.TRUNK),
    ],
)
def test_trust_follows_the_networks_verification_where_configured(
    headers: dict[str, str], attestation: bool, trust: NumberTrust
) -> None:
    """Only a passed verification of level A raises trust, a failed one takes it; an Identity nobody verified says nothing."""
    assert read(headers, attestation=attestation).trust is trust


@pytest.mark.parametrize(
    ("headers", "diverted_from"),
    [
        ({"diversion": "<sip:+48221234567@x>;reason=unconditional, <sip:+48229999999@x>"}, "+48221234567"),
        ({"diversion": "<tel:4021>"}, "4021"),
        ({"diversion": "<sip:+48221234567@x>;privacy=full"}, None),
        (
            {"history-info": "<sip:+48221234567@x>;index=1, <sip:+48223334455@x?Reason=SIP%3Bcause%3D302>;index=1.1"},
            "+48221234567",
        ),
        ({"history-info": "<sip:+48221234567@x?Privacy=history>;index=1, <sip:1@x>;index=1.1"}, None),
        ({"history-info": "<sip:+48221234567@x>;index=1"}, None),
        ({}, None),
    ],
)
def test_a_diverted_call_tells_where_it_came_from(headers: dict[str, str], diverted_from: str | None) -> None:
    """The last party that passed it on, unless it hides (RFC 5806, RFC 7044)."""
    assert read(HEADERS | headers).diverted_from == diverted_from


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("48656c6c6f;encoding=hex", b"Hello"),
        ('"48656c6c6f"', b"Hello"),
        ("", None),
        ("zz;encoding=hex", None),
        ("00" * 5000, None),
    ],
)
def test_user_to_user_data_are_decoded(value: str, data: bytes | None) -> None:
    """RFC 7433; anything else is nothing."""
    decoded = read_user_to_user({"user-to-user": value})
    assert decoded == data or (data is None and decoded is not None and len(decoded) <= 512)


names = st.sampled_from(
    [
        "p-asserted-identity",
        "remote-party-id",
        "privacy",
        "diversion",
        "history-info",
        "identity",
        "p-attestation-indicator",
        "from",
    ]
)
pieces = st.sampled_from(
    [
        "<sip:+48600100200@x>",
        "<tel:+48600100200;verstat=TN-Validation-Passed-A>",
        '"',
        "<",
        ">",
        ",",
        ";privacy=full",
        "anonymous",
        "id",
    ]
)
values = st.one_of(st.text(), st.lists(pieces).map("".join))


@given(st.dictionaries(names, values), values, st.booleans())
def test_a_number_from_an_untrusted_peer_is_never_trusted(headers: dict[str, str], from_uri: str, attestation: bool) -> None:
    """Whatever headers say; and nothing in them raises."""
    asserted = read(headers, from_uri=from_uri, trusted=False, attestation=attestation)
    assert asserted.trust is NumberTrust.NONE


@given(st.dictionaries(names, values), values)
def test_headers_of_a_trusted_peer_never_raise(headers: dict[str, str], from_uri: str) -> None:
    """And a number without digits is never trusted more than the trunk."""
    asserted = read(headers, from_uri=from_uri)
    assert asserted.trust is not NumberTrust.ATTESTED
    if asserted.number.kind is NumberKind.UNREADABLE:
        assert asserted.trust is NumberTrust.NONE


@pytest.mark.parametrize(
    "header", ["p-asserted-identity", "remote-party-id", "diversion", "history-info"], ids=lambda header: str(header)
)
@pytest.mark.parametrize(
    "entry",
    [
        "<sip:172.16.10.20>",
        "sip:172.16.10.20;party=calling",
        "172.16.10.20",
        '"+48600100200" <sip:172.16.10.20>',
        '"x\\", <sip:+48600100200@h>" <sip:172.16.10.20>',
        '"x\\\\" <sip:172.16.10.20>',
        "<sip:172.16.10.20?X=%2B48600100200>",
        "<tel:172.16.10.20>",
    ],
)
def test_no_header_makes_a_number_of_a_host_or_a_display_name(header: str, entry: str) -> None:
    """A PBX puts itself where it has no number; a display name is what a caller likes."""
    value = f"{entry}, <sip:host>;index=1" if header == "history-info" else entry
    found = read_identity({header: value}, "sip:172.16.10.20", CallerIdRules())
    assert (found.number.e164, found.number.short, found.diverted_from) == (None, None, None)


@pytest.mark.parametrize(
    "display", ["verstat=TN-Validation-Passed-A", ";verstat=TN-Validation-Passed-A", "><;verstat=tn-validation-passed-a"]
)
def test_a_display_name_attests_nothing(display: str) -> None:
    """The verdict of the network stands in parameters; only there it counts."""
    headers = {"p-asserted-identity": f'"{display}" <sip:+48600100200@h>'}
    found = read_identity(headers, "sip:x@h", CallerIdRules(verstat=True))
    assert (found.number.e164, found.trust) == ("+48600100200", NumberTrust.TRUNK)


@pytest.mark.parametrize(
    "entry",
    [
        "<sip:+48600100200;verstat=TN-Validation-Passed-A@h>",
        "<sip:+48600100200@h;verstat=TN-Validation-Passed-A>",
        "<tel:+48600100200;verstat=TN-Validation-Passed-A>",
        "<sip:+48600100200@h>;verstat=TN-Validation-Passed-A",
    ],
)
def test_the_networks_verdict_counts_wherever_carriers_put_it(entry: str) -> None:
    found = read_identity({"p-asserted-identity": entry}, "sip:x@h", CallerIdRules(verstat=True))
    assert found.trust is NumberTrust.ATTESTED
    failed = entry.replace("Passed-A", "Failed")
    assert read_identity({"p-asserted-identity": failed}, "sip:x@h", CallerIdRules()).trust is NumberTrust.NONE
