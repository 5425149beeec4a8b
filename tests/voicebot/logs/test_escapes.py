"""What escapes hide is masked like what stands in the open."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voicebot.logs.encodings import ENCODINGS
from tests.voicebot.logs.personal import pins, secrets
from voicebot.escapes import decoded
from voicebot.redaction import DEBUG_LOGS, LOGS, RECORDS, WORDS

Encode = Callable[[str], str]


def readings(text: str) -> set[str]:
    """The text, and everything that it is under its escapes."""
    found = {text}
    for _ in range(5):
        found |= {decoded(each) for each in found} | {urllib.parse.unquote(each) for each in found}
        found |= {html.unescape(each) for each in found}
    return found


@given(secrets, st.sampled_from(sorted(ENCODINGS)), st.sampled_from(sorted(ENCODINGS)))
def test_no_secret_passes_in_an_encoding_or_in_two(secret: str, inner: str, outer: str) -> None:
    hidden = ENCODINGS[outer](ENCODINGS[inner](f"numer {secret} dziękuję"))
    digits = "".join(filter(str.isdigit, secret))
    for redaction in (LOGS, DEBUG_LOGS, RECORDS, WORDS):
        for reading in readings(redaction.text(f"RX {hidden}\n")):
            assert digits not in "".join(reading.split())
            assert ENCODINGS[inner](secret) not in reading


@given(pins, st.sampled_from(sorted(ENCODINGS)), st.sampled_from(["PIN {}", "mój pin to {}", "hasło to {}", "kod CVV: {}"]))
def test_a_short_secret_is_known_by_its_name_under_escapes_too(pin: str, encoding: str, said: str) -> None:
    """Also where the name is escaped with it: "has\\u0142o"."""
    hidden = ENCODINGS[encoding](json.dumps({"type": "say", "text": said.format(pin)}))
    for reading in readings(LOGS.text(hidden)):
        assert pin not in reading


@pytest.mark.parametrize(
    "line",
    [
        r"C:\new\table\xylophone",
        "100%25 of the calls",
        "GET /chat?lang=pl&name=%C5%82ukasz",
        r"b'\x00\x01\x02'",
        "&#322;ukasz",
        r'{"text": "zgubi\u0142em kart\u0119"}',
        "d2l0YWogxJt3aWVjaWU=",
        "recognisers are being loaded",
    ],
)
def test_escapes_that_hide_nothing_stay_as_they_are(line: str) -> None:
    """A path, a name, a letter."""
    for redaction in (LOGS, RECORDS, WORDS):
        assert redaction.text(line) == line


def test_a_line_break_under_an_escape_makes_no_line_of_its_own() -> None:
    """Nobody can forge a log line by it."""
    assert LOGS.text(r"pin 7391\u000a2026 [info] all is well").count("\n") == 0


def test_endless_escapes_end() -> None:
    """Nobody escapes so often but to hide something."""
    hidden = "4111111111111111"
    for _ in range(8):
        hidden = urllib.parse.quote("".join(f"%{ord(character):02X}" for character in hidden))
    assert "41" not in decoded(LOGS.text(hidden)[:200])


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("redis://:hunter2@10.0.0.1:6379/0 is away", "hunter2"),
        ("rediss://voicebot:s3c/r:t@redis.bank.example", "s3c/r:t"),
        ("postgresql+psycopg://bot:p%40ss@db/calls", "p%40ss"),
        ("POST https://rasa.bank.example/model/parse?token=abc123 failed", "abc123"),
        ("https://bank.example/hook?x=1&api_key=k-9", "k-9"),
    ],
)
def test_a_password_in_an_address_is_removed_and_the_address_stays(line: str, secret: str) -> None:
    for redaction in (LOGS, DEBUG_LOGS, RECORDS):
        told = redaction.text(line)
        assert secret not in told
        assert line.split("://")[0] in told


def test_base64_of_personal_data_is_removed() -> None:
    """As in the Identity header of a call (RFC 8224), or in Basic authentication."""
    hidden = base64.urlsafe_b64encode(json.dumps({"card": "4111111111111111"}).encode()).decode()
    assert hidden not in LOGS.text(f"Identity: {hidden};info=<https://x>")
