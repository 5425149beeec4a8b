"""Nothing personal passes the redaction, however it is written or said; plain speech passes unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.text.redact import redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mój pesel to 44051401359", "mój pesel to <pesel>"),
        ("pesel 4 4 0 5 1 4 0 1 3 5 9", "pesel <pesel>"),
        ("cztery cztery zero pięć jeden cztery zero jeden trzy pięć dziewięć", "<pesel>"),
        ("karta 4111 1111 1111 1111", "karta <card>"),
        ("konto 61 1090 1014 0000 0712 1981 2874", "konto <account>"),
        ("kod blik 123 456", "kod blik <code>"),
        ("zadzwoń 601 234 567", "zadzwoń <phone>"),
        ("my pin is one two three four", "my pin is <code>"),
    ],
)
def test_personal_numbers_are_masked(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize("text", ["zgubiłam kartę", "przelew na tysiąc złotych", "limit 5000 zł", "I've lost my card", ""])
def test_plain_speech_is_left_alone(text: str) -> None:
    assert redact(text) == text


@given(st.text(max_size=200))
def test_it_never_raises(text: str) -> None:
    assert isinstance(redact(text), str)


@given(st.lists(st.sampled_from(["", " ", "-", " - "]), min_size=10, max_size=10))
def test_no_spacing_hides_a_pesel(gaps: list[str]) -> None:
    digits = "44051401359"
    said = "".join(digit + gap for digit, gap in zip(digits, [*gaps, ""], strict=True))
    masked = redact(f"mój pesel to {said}")
    assert sum(character.isdigit() for character in masked) == 0
