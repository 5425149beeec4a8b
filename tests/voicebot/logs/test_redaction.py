"""Redaction of structure: whatever a value hides in, it does not pass."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt

from tests.voicebot.logs.personal import secrets
from voicebot.identity.keys import new_key
from voicebot.redaction import DEBUG_LOGS, LOGS, RECORDS, REMOVED, WORDS, Redaction, redact_text

around = st.sampled_from(["", "numer to ", "pesel: ", "(", "karta nr ", "x=", '"', "od +48221234567: "])
after = st.sampled_from(["", ".", " dziękuję", ")", '"', "\n", " do +48221234567"])


@dataclass(frozen=True, slots=True)
class Carrier:
    inside: Any


class Odd:
    """Shows what it holds only when asked to print itself."""

    def __init__(self, inside: str) -> None:
        self.inside = inside

    def __str__(self) -> str:
        return f"odd {self.inside}"


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no")


def wrapped(secret: str) -> st.SearchStrategy[Any]:
    """The secret in some value: text, bytes, number, exception, object, nested anyhow."""
    forms: list[Any] = [secret, secret.encode(), bytearray(secret.encode()), ValueError(secret), Odd(secret)]
    if secret.isdecimal() and not secret.startswith("0"):
        forms.append(int(secret))
    leaves = st.sampled_from(forms)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3),
            st.tuples(inner),
            st.dictionaries(st.sampled_from(["a", "event", "exception"]), inner, min_size=1, max_size=2),
            st.builds(Carrier, inner),
            st.builds(lambda value: {secret: value}, inner),
            st.builds(lambda value: MappingProxyType({"m": value}), inner),
        ),
        max_leaves=6,
    )


ADDRESSES = st.tuples(st.ip_addresses(v=4).map(str), st.integers(0, 65535))


@given(
    st.lists(ADDRESSES, min_size=1, max_size=3), st.sampled_from(["{}:{}", "('{}', {})", "sip:{}:{};transport=udp", "[::1]:{1}"])
)
def test_addresses_in_log_lines_stay_readable(addresses: list[tuple[str, int]], form: str) -> None:
    """One in a hundred has the digits of a valid PESEL."""
    line = "RX UDP " + " -> ".join(form.format(*address) for address in addresses)
    assert LOGS.text(line) == line


def test_an_address_whose_digits_are_a_pesel_stays_readable_in_a_log_and_not_in_words() -> None:
    line = "listening on 127.0.0.1:50130"
    assert LOGS.text("127.0.0.1:50130 -> 127.0.0.1:43182") == "127.0.0.1:50130 -> 127.0.0.1:43182"
    assert LOGS.text(line) == line
    assert "44.05.14.01:359" not in WORDS.text("pesel 44.05.14.01:359")
    assert "44.05.14.01:359" not in RECORDS.text("pesel 44.05.14.01:359")


def test_what_the_machine_counts_stays_readable() -> None:
    for text in (
        "1234567 bytes in 123456 packets",
        "123456 B of audio, 480000 samples",
        "1048577 of 1048576 bytes",
        "a 1048576-byte limit",
        "bytes: 123456, size=1048576",
        "after 123456 seconds",
    ):
        assert LOGS.text(text) == text
        assert "123456" not in WORDS.text(text)
    assert LOGS.fields({"who": 601234567})["who"] != 601234567


TRACE = """RX UDP 127.0.0.1:37502 -> 127.0.0.1:25060
INFO sip:voicebot@127.0.0.1:25060 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:50344;branch=z9hG4bK4111111111111111c;rport
To: <sip:+48225550100@127.0.0.1>;tag=e612c4863107ec9
From: <sip:caller@127.0.0.1>;tag=440514
Call-ID: abc-44051401359@127.0.0.1
CSeq: 440514 INFO
Date: Thu, 26 Nov 2026 11:52:40 GMT
Content-Type: application/sdp

v=0
o=- 3973665160 1234567890 IN IP4 127.0.0.1
m=audio 23456 RTP/AVP 96 9 8 0 101
a=rtpmap:96 opus/48000/2
a=rtpmap:9 G722/8000
a=fmtp:101 0-15
a=ssrc:3405691582 cname:sip:+48600100200@127.0.0.1
a=sendrecv
""".replace("\n", "\r\n")


def test_what_sip_and_sdp_say_about_a_call_stays_readable_in_a_trace() -> None:
    """Who looks for a fault of a trunk needs its identifiers, codecs and ports; a PBX makes them of whatever digits it likes."""
    assert DEBUG_LOGS.text(TRACE) == TRACE
    assert LOGS.text(TRACE) == TRACE.replace("+48225550100", "+48…100").replace("+48600100200", "+48…200")


@pytest.mark.parametrize(
    ("lines", "secret"),
    [
        ("Content-Type: application/dtmf-relay\r\n\r\nSignal=9\r\nDuration=160\r\n", "9"),
        ("Content-Type: application/dtmf-relay\n\nSignal= 9\nDuration=160\n", "9"),
        ("content-type: application/dtmf\r\nContent-Length: 1\r\n\r\n9", "9"),
        ("Authorization: Digest username=bank, response=0f7a\r\n", "0f7a"),
        ("X-Ticket: head.body.signed\r\n", "signed"),
        ("X-Ticket : head.body.signed\r\n", "signed"),
        ("x-ticket:\r\n\thead.body.\r\n signed\r\nTo: x\r\n", "signed"),
        ("X-App-Session: 0f7a\r\n", "0f7a"),
        ("a=ice-ufrag:x\r\na=ice-pwd:0f7aP2uYro0UCOQ4zxjK\r\n", "0f7a"),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewk7|2^20\r\n", "WVNfX19z"),
    ],
)
def test_what_is_secret_in_a_trace_is_removed(lines: str, secret: str) -> None:
    """Keys that a caller presses can be a PIN, one INFO after the other."""
    trace = f"RX UDP 127.0.0.1:50344 -> 127.0.0.1:25060\r\nINFO sip:voicebot@127.0.0.1 SIP/2.0\r\n{lines}"
    written = DEBUG_LOGS.text(trace)
    assert secret not in written
    assert REMOVED in written


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])
@pytest.mark.parametrize(
    "around", ["{}", "X-Ticket: {}", "ticket={}", "{{'ticket': '{}'}}", "/api/x?t={}&u=1", "got {}.", "Bearer {}", "é{}"]
)
def test_no_part_of_a_signed_token_is_written(algorithm: str, around: str) -> None:
    """Tickets, assertions, id_tokens: whoever reads one in a log could use it."""
    key = new_key(algorithm)
    token = jwt.encode({"alg": algorithm, "kid": "k", "typ": "c2c+jwt"}, {"sub": "c-4711", "jti": "x" * 22}, key, [algorithm])
    for redaction in (LOGS, DEBUG_LOGS, RECORDS, WORDS):
        for written in (redaction.text(around.format(token)), json.dumps(redaction.value({"why": [around.format(token)]}))):
            assert not any(part in written for part in token.split("."))
    assert "secret-of-the-api" not in LOGS.text("header Authorization: Bearer secret-of-the-api")
    assert (
        LOGS.text("voicebot.endpoints.web_call eyeballs-01.hotline-north.bank-example")
        == "voicebot.endpoints.web_call eyeballs-01.hotline-north.bank-example"
    )


def test_a_library_s_own_names_and_handles_stay_readable() -> None:
    line = "WorkerRunner 'runner-48631071': started running"
    assert LOGS.text(line) == line
    fields = {"sip_call_id": "5d88669d8c90fa62"}
    assert LOGS.fields(fields) == fields


@given(st.data())
def test_no_secret_passes_wherever_it_stands(data: st.DataObject) -> None:
    """In nested mappings (also as their keys), lists, objects, bytes, numbers and exceptions; for logs and records alike."""
    secret = data.draw(secrets)
    text = data.draw(around) + secret + data.draw(after)
    value = {"value": data.draw(wrapped(secret)), "text": text}
    for redaction in (LOGS, DEBUG_LOGS, RECORDS, WORDS):
        written = json.dumps(redaction.fields(value), ensure_ascii=False)
        assert secret not in written
        assert secret.replace(" ", "") not in written


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_value_becomes_json_and_redacting_twice_changes_nothing(value: Any) -> None:
    """What passed once may pass again."""
    once = LOGS.value(value)
    json.dumps(once)
    again = LOGS.value(once)
    assert json.dumps(again) == json.dumps(once)


@pytest.mark.parametrize(
    "name", ["password", "PIN", "Authorization", "api-key", "token", "blik_code", "pesel", "card_number", "secret"]
)
def test_a_value_under_a_secret_name_is_removed_whatever_it_is(name: str) -> None:
    """At any depth."""
    for redaction in (LOGS, DEBUG_LOGS, RECORDS, WORDS):
        assert redaction.fields({"request": {name: ["1", 2]}}) == {"request": {name: REMOVED}}


IDENTIFIERS = [
    "8ddb3b0412345fd9",
    "0a3b44051401359f@192.0.2.17",
    "1763805135.123456",
    "12345678-44051401359@pbx.bank.example",
    "Zx81_4111111111111111-qQ",
]


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("name", ["call_ref", "call_id", "ref", "handoff_ref", "model", "bundle_version"])
def test_identifiers_can_be_found_again(name: str, identifier: str) -> None:
    """However many digits stand in a row in them; anywhere else the same would be masked."""
    for redaction in (LOGS, DEBUG_LOGS, RECORDS, WORDS):
        assert redaction.fields({"line": {name: identifier}}) == {"line": {name: identifier}}
        assert redaction.fields({"text": identifier})["text"] != identifier


@pytest.mark.parametrize(
    ("written", "kept"), [("+48600100123_77@trunk", "+48…123_77@trunk"), ("moja karta 4111111111111111", "moja karta <card>")]
)
def test_what_is_no_identifier_is_redacted_under_its_name_too(written: str, kept: str) -> None:
    """A switchboard that puts the caller's number into the Call-ID; words."""
    assert LOGS.fields({"call_ref": written}) == {"call_ref": kept}


def test_pressed_keys_are_never_logged_and_are_kept_in_records() -> None:
    """A record must be replayable; what is secret is not journalled at all."""
    pressed = {"type": "KeyPressed", "key": "5", "digits": "12"}
    assert LOGS.fields({"event": pressed}) == {"event": {"type": "KeyPressed", "key": REMOVED, "digits": REMOVED}}
    assert RECORDS.fields(pressed) == pressed


@pytest.mark.parametrize(
    ("redaction", "written"), [(LOGS, "call from +48…123 to +48…567"), (DEBUG_LOGS, "call from +48600100123 to +48221234567")]
)
def test_telephone_numbers_are_shortened_above_debug(redaction: Redaction, written: str) -> None:
    """Country and last three digits stay."""
    assert redaction.text("call from +48600100123 to +48221234567") == written


@pytest.mark.parametrize("text", ["600 100 123", "48600100123", "600-100-123"])
def test_telephone_numbers_in_other_forms_are_masked(text: str) -> None:
    """Only E.164 can be shortened safely."""
    assert "100" not in redact_text(f"proszę dzwonić na {text}")


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (5060, 5060),
        (0.25, 0.25),
        ("sip:cards@192.0.2.17:5060", "sip:cards@192.0.2.17:5060"),
        (Colour.RED, "red"),
        (datetime(2026, 11, 23, 10, tzinfo=UTC), "2026-11-23T10:00:00+00:00"),
        ((1, {2}), [1, [2]]),
        ("20261122-032154-a1b2c3", "20261122-032154-a1b2c3"),
        ("9e107d9d-372b-4b1a-9c5e-1a2b3c4d5e6f", "9e107d9d-372b-4b1a-9c5e-1a2b3c4d5e6f"),
        (Broken(), "[Broken]"),
    ],
)
def test_what_is_not_personal_is_written_as_it_is(value: object, written: object) -> None:
    """Logs must stay useful."""
    assert LOGS.value(value) == written


def test_a_structure_that_holds_itself_ends() -> None:
    """Depth is bounded."""
    endless: list[object] = []
    endless.append(endless)
    assert "[list]" in json.dumps(LOGS.value(endless))
