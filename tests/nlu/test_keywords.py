"""The rung below the classifier: keywords."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu.errors import PackError
from nlu.pack.pack import BANK_PACK, Pack
from nlu.pack.rasa_yaml import read_file
from nlu.types import Act, Decision, Hypothesis, Understanding
from nlu.understanding.keywords import KeywordUnderstander
from tests.nlu.tools_pack import write_pack

BANK = KeywordUnderstander(Pack(BANK_PACK))


def said(text: str, lang: str = "pl") -> Understanding:
    return BANK.understand([Hypothesis(text)], lang)


EMERGENCIES = [
    ("pl", "zgubiłam kartę w tramwaju", "card_block"),
    ("pl", "zgubilem karte", "card_block"),
    ("pl", "proszę zastrzec kartę", "card_block"),
    ("pl", "bankomat wciągnął mi kartę", "card_block"),
    ("pl", "ktoś mnie oszukał na olx", "fraud_report"),
    ("pl", "podałem kod blik obcemu człowiekowi", "fraud_report"),
    ("pl", "ukradli mi dowód osobisty", "document_block"),
    ("pl", "chcę zastrzec pesel", "document_block"),
    ("pl", "ukradziono mi telefon z aplikacją banku", "access_block"),
    ("pl", "ktoś zna moje hasło do konta", "access_block"),
    ("en", "I lost my card on the bus", "card_block"),
    ("en", "I need to block my card immediately", "card_block"),
    ("en", "the machine swallowed my card", "card_block"),
    ("en", "there is a payment I did not make, I don't recognise it", "fraud_report"),
    ("en", "my passport was stolen", "document_block"),
    ("en", "someone knows the password to my account", "access_block"),
]


@pytest.mark.parametrize(("lang", "text", "intent"), EMERGENCIES)
def test_an_emergency_is_asked_back(lang: str, text: str, intent: str) -> None:
    found = said(text, lang)
    assert (found.intent, found.decision) == (intent, Decision.CONFIRM)
    assert found.backend == "keywords"


MATTERS = [
    ("pl", "jaki jest kurs euro", "currency_abroad"),
    ("pl", "chcę złożyć reklamację", "complaint"),
    ("pl", "nie działa mi blik", "blik"),
    ("pl", "zapomniałam pinu", "card_limits_pin"),
    ("pl", "jakie macie lokaty", "savings"),
    ("pl", "potrzebuję zaświadczenia o zarobkach", "certificates"),
    ("en", "what is my balance", "balance"),
    ("en", "I want to set up a standing order", "standing_order"),
    ("en", "tell me about mortgages", "mortgage"),
    ("en", "travel insurance please", "insurance"),
]


@pytest.mark.parametrize(("lang", "text", "intent"), MATTERS)
def test_a_product_named_clearly_is_asked_back_and_never_accepted(lang: str, text: str, intent: str) -> None:
    found = said(text, lang)
    assert (found.intent, found.decision) == (intent, Decision.CONFIRM)
    assert found.ranking[0].intent == intent
    assert sum(one.confidence for one in found.ranking) == pytest.approx(1)


def test_words_that_fit_several_matters_are_offered_as_a_choice() -> None:
    found = said("kredyt")
    assert found.decision is Decision.CHOOSE
    assert set(found.choices) == {"cash_loan", "mortgage", "loan_service"}


ACTS = [
    ("pl", "tak", Act.AFFIRM),
    ("pl", "no nie", Act.DENY),
    ("pl", "proszę powtórzyć", Act.REPEAT),
    ("en", "yes please", Act.AFFIRM),
    ("en", "say that again", Act.REPEAT),
]


@pytest.mark.parametrize(("lang", "text", "act"), ACTS)
def test_answers_to_the_bot_are_acts_and_no_matter(lang: str, text: str, act: Act) -> None:
    found = said(text, lang)
    assert (found.act, found.decision) == (act, Decision.REJECT)


@pytest.mark.parametrize(("lang", "text"), [("pl", "konsultant"), ("pl", "połącz mnie z kimś żywym"), ("en", "an agent please")])
def test_asking_for_a_human_is_heard_at_once(lang: str, text: str) -> None:
    found = said(text, lang)
    assert (found.act, found.intent, found.decision) == (Act.AGENT, "agent", Decision.ACCEPT)


def test_a_no_with_new_content_keeps_both() -> None:
    found = said("nie, nie o kartę, o kredyt hipoteczny")
    assert (found.act, found.intent) == (Act.DENY, "mortgage")


@pytest.mark.parametrize("text", ["", "  ", "jaka będzie jutro pogoda", "yyy", "🦊"])
def test_what_names_no_matter_is_rejected(text: str) -> None:
    found = said(text)
    assert (found.intent, found.decision, found.choices) == ("out_of_scope", Decision.REJECT, ())


def test_nothing_heard_or_an_unknown_language_is_rejected_and_not_raised() -> None:
    assert BANK.understand([], "pl").decision is Decision.REJECT
    assert said("zgubiłem kartę", "de").decision is Decision.REJECT


def test_the_second_hypothesis_is_read_when_the_first_says_nothing() -> None:
    found = BANK.understand([Hypothesis("zgumiłem parkę"), Hypothesis("zgubiłem kartę")], "pl")
    assert (found.intent, found.text) == ("card_block", "zgumiłem parkę")


def test_english_on_the_polish_line_is_understood_and_the_language_offered() -> None:
    found = said("hello I have lost my card please help")
    assert (found.intent, found.language) == ("card_block", "en")


def test_personal_numbers_are_masked() -> None:
    assert "44051401359" not in said("mój pesel to 44051401359 zgubiłem kartę").text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=120), max_size=3), st.sampled_from(["pl", "en", "uk", ""]))
def test_nothing_said_makes_it_raise(texts: list[str], lang: str) -> None:
    found = BANK.understand([Hypothesis(text, 0.5) for text in texts], lang)
    assert found.decision in set(Decision)
    assert (found.decision is Decision.CHOOSE) == bool(found.choices)


@pytest.mark.parametrize(("lang", "matters", "strangers"), [("pl", 0.8, 0.15), ("en", 0.8, 0.15)])
def test_most_of_what_callers_say_is_recognised_and_little_that_is_no_business_of_a_bank(
    lang: str, matters: float, strangers: float
) -> None:
    pack = Pack(BANK_PACK)
    found = [(example.intent, said(example.text, lang)) for example in read_file(BANK_PACK / "dev" / f"{lang}.yml").examples]
    right = [
        meant in (one.choices or (one.intent,)) and one.decision is not Decision.REJECT
        for meant, one in found
        if meant in pack.intents
    ]
    taken = [one.decision is not Decision.REJECT for meant, one in found if meant == "out_of_scope"]
    assert sum(right) / len(right) >= matters
    assert sum(taken) / len(taken) <= strangers


def test_a_pack_without_keywords_still_understands_acts(tmp_path: Path) -> None:
    bare = KeywordUnderstander(Pack(write_pack(tmp_path)))
    assert bare.understand([Hypothesis("tak")], "pl").act is Act.AFFIRM
    assert bare.understand([Hypothesis("zgubiłem kartę")], "pl").decision is Decision.REJECT


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("pl:\n  card_blokc:\n    - kart\n", 2, "unknown intent"),
        ("pl:\n  card_block:\n    - kart\n    - k\n", 4, "at least two letters"),
        ("pl:\n  card_block:\n    - '!kart'\n", 3, "asks for nothing"),
        ("pl:\n  card_block: kart\n", 2, "not a list"),
        ("pl: kart\n", 1, "not a mapping"),
        ("pl:\n  card_block:\n    - 17\n", 3, "no rule of words"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    root = write_pack(tmp_path)
    (root / "keywords.yml").write_text(text, encoding="utf-8")
    with pytest.raises(PackError, match=what) as caught:
        KeywordUnderstander(Pack(root))
    assert caught.value.line == line
