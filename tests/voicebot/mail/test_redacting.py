"""Long texts lose no secret where they are broken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicebot.mail.redacting import redact_long
from voicebot.redaction import redact_text


@given(st.integers(0, 3000))
def test_a_secret_is_masked_wherever_it_stands(before: int) -> None:
    filling = ("słowo i drugie słowo, " * 200)[:before]
    text = f"{filling} mój PESEL to 44051401359, a numer karty 4111 1111 1111 1111 {filling}"
    masked = redact_long(text)
    assert not any(secret in masked for secret in ("44051401359", "4111 1111"))


def test_a_short_text_is_as_ever() -> None:
    text = "mój PIN to 4821"
    assert redact_long(text) == redact_text(text)


def test_a_text_full_of_names_of_secrets_is_read_through() -> None:
    assert "1234" not in redact_long("pin 1234 " * 1000)
