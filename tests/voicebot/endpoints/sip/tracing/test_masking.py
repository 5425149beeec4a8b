"""What is kept of a SIP message tells of the call, and of nobody."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.endpoints.sip.tracing.masking import masked

HEAD = "INVITE sip:802@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1234567890\n"


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ('From: "Jan Kowalski" <sip:+48600100200@192.0.2.9>;tag=1', "Kowalski"),
        ("From: Jan Kowalski <sip:+48600100200@192.0.2.9>;tag=1", "Kowalski"),
        ('From: "Jan \\" Kowalski" <sip:+48600100200@192.0.2.9>;tag=1', "Kowalski"),
        ('P-Asserted-Identity: "Kowalski, Jan" <sip:+48600100200@192.0.2.9>, <tel:+48600100200>', "Kowalski"),
        ("P-Asserted-Identity: <sip:1@x>, Jan Kowalski <tel:+48600100200>", "Kowalski"),
        ('Remote-Party-ID: "Kowalski <sip:+48600100200@192.0.2.9>', "Kowalski"),
        ("From: <sip:+48-600-100-200@192.0.2.9>", "600-100"),
        ("From: <sip:600100200@192.0.2.9>", "600100"),
        ("From: sip:0048600100200", "600100"),
        ("From: <sip:%36%30%30100200@192.0.2.9>", "100200"),
        ("To: <tel:600-100-200;phone-context=+48>", "600-100"),
        ("Diversion: <sip:+48600100200@192.0.2.9>;reason=unconditional", "600100"),
        ("X-Customer: 600 100 200", "100 200"),
        ("X-Pesel: 44051401359", "44051401"),
        ("User-to-User: 34343035313430313335;encoding=hex", "3434"),
        ("X-Ticket: eyJhbGciOi", "eyJ"),
        ("X-Ticket : eyJhbGciOi", "eyJ"),
        ("x-ticket:\n eyJhbGciOi", "eyJ"),
        ('Authorization: Digest username="u", response="00ff"', "00ff"),
        ("Identity: eyJhbGciOi.eyJvcmlnIjp9.sig", "eyJ"),
        ("Subject: to Jan Kowalski", "Kowalski"),
        ("this is no header 600100200", "600100"),
        ("From: <sip:bob:hunter2@192.0.2.9>", "hunter2"),
    ],
)
def test_persons_and_secrets_are_taken_out(line: str, secret: str) -> None:
    assert secret not in masked(f"{HEAD}{line}\nContent-Length: 0\n\n")


@pytest.mark.parametrize(
    ("kind", "body", "secret"),
    [
        ("application/dtmf-relay", "Signal=7\nDuration=160", "7"),
        ("application/dtmf", "7", "7"),
        ("text/plain", "my PIN is 4711", "4711"),
        ("application/isup", "\x01\x02600100200", "600"),
        ("application/sdp", "v=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0a2V5\n", "c2VjcmV0"),
        ("application/sdp", "v=0\no=kowalski 1 1 IN IP4 192.0.2.9\ns=Jan Kowalski\n", "owalski"),
        ("application/sdp", "v=0\ne=jan@kowalski.example\np=+48600100200\n", "owalski"),
        ("application/sdp", "v=0\nk=base64:c2VjcmV0\na=ice-pwd:c2VjcmV0\n", "c2VjcmV0"),
    ],
)
def test_bodies_keep_what_tells_of_the_media_alone(kind: str, body: str, secret: str) -> None:
    kept = masked(f"{HEAD}Content-Type: {kind}\n\n{body}").partition("\n\n")[2]
    assert secret not in kept.replace(str(len(body)), "")


def test_what_a_telephone_engineer_needs_stays() -> None:
    message = (
        f"{HEAD}From: <sip:802@192.0.2.9>;tag=1234567\nCall-ID: 1234567890@192.0.2.9\nCSeq: 1234567 INVITE\n"
        "Privacy: id\nContent-Type: application/sdp\n\nv=0\nm=audio 37857 RTP/SAVP 8 101\na=rtpmap:101 telephone-event/8000"
    )
    kept = masked(message.replace("\n", "\r\n"))
    assert kept == message


def test_nothing_of_it_moves_a_terminal() -> None:
    kept = masked(f"{HEAD}X-Hostile: \x1b[2J\x07\x9b31m\u202e\n\nx")
    assert all(char.isprintable() or char == "\n" for char in kept)


def test_a_hostile_head_takes_no_time_to_speak_of() -> None:
    began = time.process_time()
    for evil in ("<" * 16_000, "a " * 8_000, '"' * 16_000, "sip:" * 4_000, "sip:a" * 3_000 + "@", "1-" * 8_000, "<,;" * 5_000):
        masked(f"{HEAD}From: x{evil}\nX-Other: {evil}\n\n")
    assert time.process_time() - began < 20  # a quadratic one would take minutes


@given(st.text(max_size=400), st.text(max_size=200))
def test_it_never_fails_and_keeps_no_number(head: str, body: str) -> None:
    for kind in ("application/sdp", "text/plain"):
        kept = masked(f"{HEAD}{head}\nP-Asserted-Identity: <sip:+48600100200@x>\nContent-Type: {kind}\n\n{body}")
        assert "+48600100200" not in kept
