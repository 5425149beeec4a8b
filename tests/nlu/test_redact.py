"""Nothing personal passes the redaction, however it is written or said; plain speech passes unchanged."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.secret_phrases import HARMLESS, KINDS
from bench.secret_ways import WAYS
from bench.secrets import left_over, secrets, tell
from nlu.text.redaction import dictation, runs
from nlu.text.redaction.dictation import Item, Token
from nlu.text.redaction.reading import Reading
from nlu.text.redaction.redact import redact
from nlu.text.redaction.turns import TurnRedaction


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mój pesel to 44051401359", "mój pesel to <pesel>"),
        ("pesel 4 4 0 5 1 4 0 1 3 5 9", "pesel <pesel>"),
        ("cztery cztery zero pięć jeden cztery zero jeden trzy pięć dziewięć", "<pesel>"),
        ("czterdzieści cztery zero pięć czternaście zero trzynaście pięćdziesiąt dziewięć", "<pesel>"),
        ("cztery cztery zero pięć jeden pięć, nie, cztery zero jeden trzy pięć dziewięć", "<pesel>"),
        ("karta 4111 1111 1111 1111", "karta <card>"),
        ("4111, potem mam 1111, następne 1111, na końcu 1111", "<card>"),
        ("konto 61 1090 1014 0000 0712 1981 2874", "konto <account>"),
        ("kod blik 123 456", "kod blik <code>"),
        ("kod 321 i potem 123", "kod <code>"),
        ("zadzwoń 601 234 567", "zadzwoń <phone>"),
        ("601 234 567 Franka Kowalska", "<phone> Franka Kowalska"),
        ("six oh one double two three four five six", "<phone>"),
        ("12345678 procedura", "<digits> procedura"),
        ("my pin is one two three four", "my pin is <code>"),
        ("mój pin dwanaście trzydzieści cztery nie działa", "mój pin <code> nie działa"),
        ("1234 to mój pin", "<code> to mój pin"),
        ("1234 is my pin", "<code> is my pin"),
        ("mój PIN, o ile pamiętam dobrze, jest taki 1234", "mój PIN, o ile pamiętam dobrze, jest taki <code>"),
        ("pin 12:34", "pin <code>"),
        ("pin do karty mam 55.40", "pin do karty mam <code>"),
        ("pin 1234 godzinę temu działał", "pin <code> godzinę temu działał"),
        ("kod z tyłu karty 123", "kod z tyłu karty <code>"),
        ("kod z tyłu to dwadzieścia dwa", "kod z tyłu to <code>"),
        ("security code 123", "security code <code>"),
        ("cvv trzy piątki", "cvv <code>"),
        ("numer klienta to 41.15.39.71", "numer klienta to <digits>"),
        ("urodziłem się 12 maja 1981", "urodziłem się <birth>"),
        ("data urodzenia dwunasty maja osiemdziesiątego pierwszego", "data urodzenia <birth>"),
        ("my date of birth is the third of June eighty one", "my date of birth is the <birth>"),
    ],
)
def test_personal_numbers_are_masked(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hasło kotek", "hasło <password>"),
        ("moje hasło to zielony słoń i nie działa", "moje hasło to <password> i nie działa"),
        ("kotek to moje hasło", "<password> to moje hasło"),
        ("hasło Kotek!23 nie wchodzi", "hasło <password> nie wchodzi"),
        ("zmieniłam hasło na burza", "zmieniłam hasło na <password>"),
        ("hasło to k o t e k", "hasło to <password>"),
        ("my password is bluebird", "my password is <password>"),
        ("bluebird is my password", "<password> is my password"),
        ("the password's I think blue bird", "the password's I think <password>"),
        ("I set my password to pineapple", "I set my password to <password>"),
    ],
)
def test_passwords_that_are_words_are_masked(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "zgubiłam kartę",
        "przelew na tysiąc złotych",
        "dwanaście tysięcy złotych",
        "limit 5000 zł",
        "kredyt na 250 000",
        "I've got 40,000 on my account",
        "przelew na 1200 zł z 12 maja 2024 o 14:30",
        "od 14:30 do 15:20 czekam",
        "mieszkam na Długiej 125 m 14, 00-950 Warszawa",
        "kod pocztowy 00-950",
        "between 1500 and 2500",
        "change it from four hundred to four fifty",
        "found out I've an account from nineteen ninety nine",
        "PIN nie działa od 14:30",
        "wpisałem pin dwieście razy",
        "bez pinu do 100",
        "w 2019 założyłam konto i zapomniałam pinu",
        "telefon mam ten sam, numer ten sam",
        "urodził mi się syn 3 dni temu",
        "ile jest siedem razy osiem",
        "hasło nie działa",
        "moje hasło jest błędne",
        "zapomniałam hasła do aplikacji",
        "my password is wrong",
        "what is my password",
        "she has the password to our account",
        "I've lost my card",
        "",
    ],
)
def test_plain_speech_is_left_alone(text: str) -> None:
    assert redact(text) == text


@given(st.text(max_size=200))
def test_it_never_raises(text: str) -> None:
    assert isinstance(redact(text), str)
    assert isinstance(TurnRedaction().redact(text), str)


_SPEECH = "pin kod hasło to jest jeden piątki trzy podwójne razy oh ten tysiąc i a nie urodzony maja roku 12 0 999 zł".split()


@given(st.lists(st.sampled_from([*_SPEECH, *"password is double half million grand from at £ - , . @ :".split()]), max_size=12))
def test_it_never_raises_over_scraps_of_numbers(words: list[str]) -> None:
    assert isinstance(TurnRedaction().redact(" ".join(words)), str)


@given(st.lists(st.sampled_from(["", " ", "-", " - "]), min_size=10, max_size=10))
def test_no_spacing_hides_a_pesel(gaps: list[str]) -> None:
    digits = "44051401359"
    said = "".join(digit + gap for digit, gap in zip(digits, [*gaps, ""], strict=True))
    masked = redact(f"mój pesel to {said}")
    assert sum(character.isdigit() for character in masked) == 0


# ---------------------------------------------------------------- dictated in every way

PASSED_OVER = frozenset({"broken off"})
"""Whatever comes to a caller's mind in the middle of a number: counted below, among all others."""
_told = st.sampled_from([(lang, way) for lang, ways in WAYS.items() for way in ways if way not in PASSED_OVER])


@given(_told, st.sampled_from(["PESEL", "card", "phone", "PIN", "BLIK"]), st.randoms(use_true_random=False))
def test_no_way_of_dictating_hides_a_secret(told: tuple[str, str], kind: str, chance: random.Random) -> None:
    """In one turn or in two, named before, after or not at all."""
    secret = tell(told[0], kind, told[1], chance)
    assert left_over(secret) == "", secret.turns
    once = redact(" ".join(secret.turns))
    assert redact(once) == once


@pytest.mark.parametrize("lang", WAYS)
def test_of_all_secrets_in_all_ways_hardly_one_gets_through(lang: str) -> None:
    told = list(secrets(lang, 4, random.Random(20)))
    assert {each.kind for each in told} == {*KINDS, "password"}
    through = [(each.turns, left) for each in told if (left := left_over(each))]
    assert len(through) <= len(told) / 1000, through


@pytest.mark.parametrize("lang", HARMLESS)
@pytest.mark.parametrize("what", ["amount", "date", "hour", "address", "count"])
def test_numbers_that_are_no_secret_stay_readable(lang: str, what: str) -> None:
    chance = random.Random(7)
    said = [HARMLESS[lang][what](chance) for _ in range(200)]
    assert [(text, masked) for text in said if (masked := TurnRedaction().redact(text)) != text][1:] == []


# ---------------------------------------------------------------- long texts

_FILLINGS = ("pin i kod, ", "karta 12 zł, ", "dwa kotki; ", "urodzony w maju, ", "numer ", "albo. ", "hasło ")


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from(_FILLINGS), max_size=300).map("".join),
    st.sampled_from(("PESEL 44051401359", "karta 4111 1111 1111 1111", "mój pin to 4821", "siedem trzy dwa jeden pięć osiem")),
    st.lists(st.sampled_from(_FILLINGS), max_size=300).map("".join),
)
def test_a_secret_in_a_long_text_is_masked_wherever_it_stands(before: str, secret: str, after: str) -> None:
    masked = redact(f"{before}Ala ma kota. {secret}. Ala ma kota. {after}")
    assert not any(each in masked for each in ("44051401359", "4111", "1111", "4821", "siedem trzy"))


@pytest.mark.parametrize(
    "piece", ["pin 1234 ", "12 345 67 ", "numer karty 12 i 34 ", "1.5 ", "urodzony 12 maja 1980 ", "końcówka 12 "]
)
def test_twice_the_text_takes_twice_the_work(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted is each look at what lies between a name and a number, and each joining of numbers."""
    looks = 0
    between, joins = Reading.words_between, dictation.gap_joins

    def counted(read: Reading, first: int, last: int) -> int:
        nonlocal looks
        looks += 1
        return between(read, first, last)

    def joined(text: str, before: Item, after: Item, tokens: Sequence[Token], others: int) -> bool:
        nonlocal looks
        looks += after.first - before.last + 1
        return joins(text, before, after, tokens, others)

    monkeypatch.setattr(Reading, "words_between", counted)
    monkeypatch.setattr(runs, "gap_joins", joined)
    works = []
    for times in (200, 400):
        looks = 0
        redact(piece * times)
        works.append(looks)
    assert works[1] < 2.1 * works[0] + 10


@pytest.mark.parametrize(
    "text",
    ["5 " + "tysięcy " * 150, "5 " + "million " * 60, "milion " * 300, "pin " + "9" * 6000, "hasło " + "a." * 5000 + "&a" * 5000],
)
def test_what_no_number_has_room_for_ends_nothing(text: str) -> None:
    assert isinstance(redact(text), str)


# ---------------------------------------------------------------- over several turns


@pytest.mark.parametrize(
    "turns",
    [
        [("podam kod cvv", "podam kod cvv"), ("739", "<code>")],
        [("podam pin", "podam pin"), ("dwanaście", "<code>"), ("trzydzieści cztery", "<code>")],
        [("mój pin", "mój pin"), ("jeden", "jeden"), ("dwa", "dwa"), ("trzy", "<code>"), ("cztery", "<code>")],
        [
            ("numer karty", "numer karty"),
            ("4111", "<code>"),
            ("1111", "<code>"),
            ("11 11", "<code>"),
            ("eleven eleven", "<code>"),
        ],
        [("8264", "<code>")],
        [("forty one eleven", "<code>"), ("twenty two", "<code>"), ("i to wszystko", "i to wszystko")],
        [("moje hasło to", "moje hasło to"), ("kotek", "<password>")],
        [("I'll tell you my password", "I'll tell you my password"), ("tiger", "<password>")],
        [("moja data urodzenia", "moja data urodzenia"), ("dwunasty maja osiemdziesiąty pierwszy", "<birth>")],
    ],
)
def test_what_was_named_in_a_turn_is_masked_in_the_next(turns: list[tuple[str, str]]) -> None:
    redaction = TurnRedaction()
    assert [redaction.redact(said) for said, _ in turns] == [masked for _, masked in turns]


@pytest.mark.parametrize(
    "turns",
    [
        ["zapomniałem pinu", "jeden", "poproszę konsultanta"],
        ["zapomniałem pinu", "jeden", "dwa", "nie"],
        ["I forgot my password", "mobile app"],
        ["zapomniałem hasła", "tak", "do aplikacji", "zgubiłam też kartę"],
        ["my password", "I want to speak to someone"],
        ["numer karty mam gdzieś", "przelew na 1250 zł", "12 maja", "o 14:30"],
        ["dwa", "trzy", "dwieście pięćdziesiąt złotych", "500"],
        ["urodziny mam w maju", "chcę pożyczkę"],
    ],
)
def test_answers_that_are_no_secret_stay_readable(turns: list[str]) -> None:
    """A choice from a menu above all: the dialogue must read it."""
    redaction = TurnRedaction()
    assert [redaction.redact(said) for said in turns] == turns


def test_a_turn_that_is_not_over_changes_nothing_for_the_next() -> None:
    redaction = TurnRedaction()
    assert redaction.look("podam kod cvv") == "podam kod cvv"
    assert redaction.redact("pięć dwa") == "pięć dwa"
    redaction.redact("podam kod cvv")
    assert redaction.look("siedem trzy") == "<code>"
    assert redaction.redact("739") == "<code>"
