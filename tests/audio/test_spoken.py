"""Values in words, as people say them on the phone."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.spoken import KINDS, LANGUAGES, speak
from audio.spoken.polish import plural

POLISH = [
    ("number", "0", "zero"),
    ("number", "22", "dwadzieścia dwa"),
    ("number", "119", "sto dziewiętnaście"),
    ("number", "1000", "tysiąc"),
    ("number", "1001", "tysiąc jeden"),
    ("number", "2222", "dwa tysiące dwieście dwadzieścia dwa"),
    ("number", "5012", "pięć tysięcy dwanaście"),
    ("number", "12000", "dwanaście tysięcy"),
    ("number", "22000", "dwadzieścia dwa tysiące"),
    ("number", "121000", "sto dwadzieścia jeden tysięcy"),
    ("number", "1000000", "milion"),
    ("number", "3500000", "trzy miliony pięćset tysięcy"),
    ("number", "-7", "minus siedem"),
    ("number", "2.5", "dwa i pół"),
    ("number", "0,5", "pół"),
    ("number", "3.14", "trzy przecinek czternaście"),
    ("number", "1.05", "jeden przecinek zero pięć"),
    ("ordinal", "1", "pierwszy"),
    ("ordinal", "3", "trzeci"),
    ("ordinal", "13", "trzynasty"),
    ("ordinal", "22", "dwudziesty drugi"),
    ("ordinal", "100", "setny"),
    ("ordinal", "102", "sto drugi"),
    ("amount", "1200.50", "tysiąc dwieście złotych i pięćdziesiąt groszy"),
    ("amount", "1", "jeden złoty"),
    ("amount", "2", "dwa złote"),
    ("amount", "5", "pięć złotych"),
    ("amount", "12", "dwanaście złotych"),
    ("amount", "22", "dwadzieścia dwa złote"),
    ("amount", "101", "sto jeden złotych"),
    ("amount", "0", "zero złotych"),
    ("amount", "0.01", "jeden grosz"),
    ("amount", "3,02", "trzy złote i dwa grosze"),
    ("amount", "-4,5", "minus cztery złote i pięćdziesiąt groszy"),
    ("money", "1.01 EUR", "jedno euro i jeden cent"),
    ("money", "2 EUR", "dwa euro"),
    ("money", "24 USD", "dwadzieścia cztery dolary"),
    ("money", "100CHF", "sto franków"),
    ("hour", "8", "ósmej"),
    ("hour", "08:00", "ósmej"),
    ("hour", "16:30", "szesnastej trzydzieści"),
    ("hour", "03:05", "trzeciej zero pięć"),
    ("hour", "2", "drugiej"),
    ("hour", "22:00", "dwudziestej drugiej"),
    ("hour", "00:00", "północy"),
    ("hour", "00:15", "zerowej piętnaście"),
    ("hours_range", "08:00-16:00", "od ósmej do szesnastej"),
    ("hours_range", "9 - 20:15", "od dziewiątej do dwudziestej piętnaście"),
    ("hours_range", "06:00-24:00", "od szóstej do północy"),
    ("hours_range", "00:00-24:00", "całą dobę"),
    ("hours_range", "00:30-24:00", "od zerowej trzydzieści do północy"),
    ("date", "2026-03-05", "piątego marca"),
    ("date", "2026-01-23", "dwudziestego trzeciego stycznia"),
    ("date", "2026-02-02", "drugiego lutego"),
    ("date", "2026-11-11", "jedenastego listopada"),
    ("date", "2026-08-31", "trzydziestego pierwszego sierpnia"),
    ("weekday", "wed", "środa"),
    ("weekday", "2026-11-22", "niedziela"),
    ("phone", "+48601123456", "sześćset jeden, sto dwadzieścia trzy, czterysta pięćdziesiąt sześć"),
    ("phone", "601 001 007", "sześćset jeden, zero zero jeden, zero zero siedem"),
    ("phone", "+48 22 123 45 67", "dwadzieścia dwa, sto dwadzieścia trzy, czterdzieści pięć, sześćdziesiąt siedem"),
    ("phone", "+48221200000", "dwadzieścia dwa, sto dwadzieścia, zero zero, zero zero"),
    ("digits", "1234", "jeden dwa trzy cztery"),
    ("digits", "12345", "jeden dwa trzy, cztery pięć"),
    ("digits", "12 34", "jeden dwa, trzy cztery"),
    ("digits", "9#", "dziewięć krzyżyk"),
    ("digits", "*", "gwiazdka"),
    ("minutes", "1", "minutę"),
    ("minutes", "2", "dwie minuty"),
    ("minutes", "5", "pięć minut"),
    ("minutes", "12", "dwanaście minut"),
    ("minutes", "21", "dwadzieścia jeden minut"),
    ("minutes", "22", "dwadzieścia dwie minuty"),
    ("about_minutes", "1", "około minuty"),
    ("about_minutes", "2", "około dwóch minut"),
    ("about_minutes", "3", "około trzech minut"),
    ("about_minutes", "15", "około piętnastu minut"),
    ("about_minutes", "21", "około dwudziestu jeden minut"),
    ("about_minutes", "22", "około dwudziestu dwóch minut"),
    ("about_minutes", "120", "około stu dwudziestu minut"),
    ("text", "kredyt hipoteczny", "kredyt hipoteczny"),
]

ENGLISH = [
    ("number", "0", "zero"),
    ("number", "22", "twenty-two"),
    ("number", "119", "one hundred and nineteen"),
    ("number", "1001", "one thousand and one"),
    ("number", "1200", "one thousand two hundred"),
    ("number", "2000000", "two million"),
    ("number", "2.5", "two point five"),
    ("number", "-7", "minus seven"),
    ("ordinal", "1", "first"),
    ("ordinal", "12", "twelfth"),
    ("ordinal", "20", "twentieth"),
    ("ordinal", "23", "twenty-third"),
    ("ordinal", "102", "one hundred and second"),
    ("amount", "1", "one zloty"),
    ("amount", "1200.50", "one thousand two hundred zlotys and fifty groszy"),
    ("money", "1.01 GBP", "one pound and one penny"),
    ("money", "20 EUR", "twenty euros"),
    ("hour", "8", "eight in the morning"),
    ("hour", "16:30", "half past four in the afternoon"),
    ("hour", "20:15", "quarter past eight in the evening"),
    ("hour", "09:45", "quarter to ten in the morning"),
    ("hour", "11:45", "eleven forty-five in the morning"),
    ("hour", "03:05", "three oh five in the morning"),
    ("hour", "12:00", "noon"),
    ("hour", "12:30", "half past twelve in the afternoon"),
    ("hour", "24:00", "midnight"),
    ("hour", "00:30", "half past midnight"),
    ("hour", "00:45", "quarter to one at night"),
    ("hour", "21:00", "nine at night"),
    ("hours_range", "08:00-16:00", "from eight in the morning to four in the afternoon"),
    ("hours_range", "00:00-24:00", "around the clock"),
    ("date", "2026-03-05", "the fifth of March"),
    ("weekday", "sat", "Saturday"),
    ("phone", "+48601123456", "six zero one, one two three, four five six"),
    ("phone", "+4915112345678", "plus four nine one, five one one, two three four, five six seven eight"),
    ("digits", "12#", "one two hash"),
    ("minutes", "1", "a minute"),
    ("minutes", "15", "fifteen minutes"),
    ("about_minutes", "3", "about three minutes"),
    ("text", "mortgage", "mortgage"),
]


@pytest.mark.parametrize(("kind", "value", "words"), POLISH)
def test_polish(kind: str, value: str, words: str) -> None:
    assert speak(kind, value, "pl") == words


@pytest.mark.parametrize(("kind", "value", "words"), ENGLISH)
def test_english(kind: str, value: str, words: str) -> None:
    assert speak(kind, value, "en") == words


def test_every_kind_is_spoken_in_every_language() -> None:
    spoken = {("pl", kind) for kind, _, _ in POLISH} | {("en", kind) for kind, _, _ in ENGLISH}
    assert spoken == {(language, kind) for language in LANGUAGES for kind in KINDS}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", "dwa"),
        ("number", ""),
        ("number", "1e9"),
        ("number", "10000000000000"),
        ("ordinal", "-1"),
        ("ordinal", "1000"),
        ("amount", "1.234"),
        ("amount", "5 zł"),
        ("amount", "5 XYZ"),
        ("hour", "25"),
        ("hour", "24:01"),
        ("hour", "8:60"),
        ("hours_range", "08:00"),
        ("date", "5 marca"),
        ("date", "2026-02-30"),
        ("weekday", "funday"),
        ("phone", "withheld"),
        ("phone", "+48"),
        ("phone", "+4860112345٦"),
        ("digits", "12a"),
        ("digits", " "),
        ("minutes", "-1"),
        ("minutes", "2.5"),
    ],
)
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_value_that_is_none_of_its_kind_is_an_error(kind: str, value: str, language: str) -> None:
    with pytest.raises(ValueError, match=r"is no|can be|never|cannot be|only|written as"):
        speak(kind, value, language)


@pytest.mark.parametrize(("kind", "language", "why"), [("shout", "pl", "no kind of value"), ("number", "uk", "not in 'uk'")])
def test_unknown_kinds_and_languages_are_errors(kind: str, language: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        speak(kind, "1", language)


@pytest.mark.parametrize("value", ["44051401359", "4111 1111 1111 1111", "61109010140000071219812874"])
def test_personal_numbers_are_never_read_out(value: str) -> None:
    with pytest.raises(ValueError, match="never read out") as caught:
        speak("digits", value, "pl")
    assert value not in str(caught.value)


@given(st.integers(-(10**12) + 1, 10**12 - 1), st.sampled_from(sorted(LANGUAGES)))
def test_numbers_are_words_and_no_two_sound_alike(number: int, language: str) -> None:
    words = speak("number", str(number), language)
    assert re.fullmatch(r"[a-ząćęłńóśźż -]+", words)
    assert "  " not in words
    assert words != speak("number", str(number + (1 if number < 10**12 - 1 else -1)), language)


@given(st.dates(date(2020, 1, 1), date(2040, 12, 31)), st.sampled_from(sorted(LANGUAGES)))
def test_neighbouring_days_are_said_differently(day: date, language: str) -> None:
    next_day = day + timedelta(days=1)
    assert speak("date", day.isoformat(), language) != speak("date", next_day.isoformat(), language)
    assert speak("weekday", day.isoformat(), language) != speak("weekday", next_day.isoformat(), language)


@given(st.integers(0, 23), st.integers(0, 59), st.sampled_from(sorted(LANGUAGES)))
def test_no_two_times_of_a_day_sound_alike(hour: int, minute: int, language: str) -> None:
    words = speak("hour", f"{hour:02}:{minute:02}", language)
    others = {(0, 0), (24, 0)} if (hour, minute) == (0, 0) else {(hour, minute)}
    same = {(h, m) for h in range(24) for m in (0, minute) if speak("hour", f"{h:02}:{m:02}", language) == words}
    assert same <= others


@given(st.from_regex(r"\+[1-9][0-9]{6,13}", fullmatch=True))
def test_a_phone_number_can_be_written_down_from_its_english_words(number: str) -> None:
    digits = "zero one two three four five six seven eight nine".split()
    heard = "".join(str(digits.index(word)) for word in speak("phone", number, "en").replace(",", "").split() if word != "plus")
    assert heard == (number[3:] if number.startswith("+48") and len(number) == 12 else number[1:])


@given(st.integers(0, 10**6))
def test_polish_plurals_follow_the_last_two_digits(number: int) -> None:
    form = plural(number, ("one", "few", "many"))
    assert (form == "one") == (number == 1)
    if number > 1:
        assert form == plural(number % 100 + 100, ("one", "few", "many"))
