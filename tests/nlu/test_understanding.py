"""The classifier on the shipped pack's format: acts, matters, calibration of decisions, and serving equal to training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.pack.pack import BANK_PACK, Pack
from nlu.text.acts import find_act
from nlu.text.normalise import normalise
from nlu.text.number_words import numbers_to_digits
from nlu.types import Act, Decision, Hypothesis
from nlu.understanding.classifier import Classifier
from nlu.understanding.loading import load
from nlu.understanding.matters import asked_about

LABELS = (
    *("card_block", "document_block", "card_issue", "card_limits_pin", "balance", "mortgage", "transfer"),
    *("agent", "out_of_scope", "affirm", "deny"),
)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """A small pack cut from the shipped one, trained without embeddings: real data, two seconds."""
    root = tmp_path_factory.mktemp("pack")
    for name in ("intents.yml", "costs.yml", "keywords.yml", "danger.yml", "ambiguous.yml"):
        (root / name).write_text((BANK_PACK / name).read_text(encoding="utf-8"), encoding="utf-8")
    (root / "pl").mkdir()
    for label in LABELS:
        (root / "pl" / f"{label}.yml").write_text(
            (BANK_PACK / "pl" / f"{label}.yml").read_text(encoding="utf-8"), encoding="utf-8"
        )
    return load(Pack(root), ["pl"], cache=root / "cache", semantic=False)


def understood(classifier: Classifier, text: str) -> tuple[str, Decision, Act | None]:
    found = classifier.understand([Hypothesis(text)], "pl")
    return found.intent, found.decision, found.act


@pytest.mark.parametrize(
    ("text", "intent"),
    [("no bo ja zgubiłam kartę w tramwaju", "card_block"), ("ile mam pieniędzy na koncie", "balance"), ("konsultant", "agent")],
)
def test_what_is_plainly_said_is_accepted(classifier: Classifier, text: str, intent: str) -> None:
    assert understood(classifier, text)[:2] == (intent, Decision.ACCEPT)


@pytest.mark.parametrize(
    ("text", "act"), [("tak", Act.AFFIRM), ("no tak zgadza się", Act.AFFIRM), ("nie", Act.DENY), ("a skąd", Act.DENY)]
)
def test_yes_and_no_are_acts_and_no_matters(classifier: Classifier, text: str, act: Act) -> None:
    assert understood(classifier, text)[1:] == (Decision.REJECT, act)


def test_a_denial_with_a_new_matter_keeps_both(classifier: Classifier) -> None:
    intent, _, act = understood(classifier, "nie, nie o kartę, o kredyt hipoteczny")
    assert (intent, act) == ("mortgage", Act.DENY)


def test_an_emergency_is_never_turned_away_however_poorly_it_was_heard(classifier: Classifier) -> None:
    found = classifier.understand([Hypothesis("zastrzec kartę", 0.05)], "pl")
    assert found.intent == "card_block"
    assert found.decision is not Decision.REJECT


def test_the_model_read_from_the_cache_answers_as_the_trained_one(classifier: Classifier, tmp_path: Path) -> None:
    pack = classifier.pack
    trained = load(pack, ["pl"], cache=tmp_path, semantic=False)
    read_back = load(pack, ["pl"], cache=tmp_path, semantic=False)
    for text in ("zgubiłam kartę", "przelew do córki", "hipoteka na mieszkanie"):
        once, again = (one.understand([Hypothesis(text)], "pl") for one in (trained, read_back))
        assert once.intent == again.intent
        assert np.isclose(once.confidence, again.confidence, atol=1e-5)


@given(text=st.text(max_size=120), confidence=st.floats(0, 1))
def test_understanding_never_raises_and_its_ranking_is_in_order(classifier: Classifier, text: str, confidence: float) -> None:
    found = classifier.understand([Hypothesis(text, confidence)], "pl")
    confidences = [ranked.confidence for ranked in found.ranking]
    assert confidences == sorted(confidences, reverse=True)


def test_no_hypotheses_and_an_unknown_language_are_mistakes_of_the_caller(classifier: Classifier) -> None:
    with pytest.raises(ValueError, match="at least one"):
        classifier.understand([], "pl")
    with pytest.raises(ValueError, match="loaded: pl"):
        classifier.understand([Hypothesis("x")], "de")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("tysiąc piecset", "1500"), ("dwa zero zero", "200"), ("półtora tysiąca", "1500"), ("sto dwadzieścia trzy", "123")],
)
def test_polish_number_words_become_digits(text: str, expected: str) -> None:
    assert numbers_to_digits(text, "pl") == expected


def test_a_self_correction_leaves_what_was_meant() -> None:
    assert "saldo" not in normalise("saldo, to znaczy nie, chciałem przelew", "pl").split()


@pytest.mark.parametrize(
    ("text", "lang", "act"),
    [
        ("proszę powtórzyć", "pl", Act.REPEAT),
        ("chwileczkę", "pl", Act.WAIT),
        ("yes please", "en", Act.AFFIRM),
        ("no", "en", Act.DENY),
    ],
)
def test_acts_are_found_by_rule_in_both_languages(text: str, lang: str, act: Act) -> None:
    found = find_act(text, lang)
    assert found is not None
    assert found.act is act


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("zgubiłam kartę i przy okazji chciałabym wiedzieć ile mam na koncie", "card_block", "balance"),
        ("chciałam sprawdzić saldo a poza tym ukradli mi kartę", "card_block", "balance"),
        ("ile mam na koncie", "balance", None),
        ("zgubiłam kartę i nie wiem gdzie", "card_block", None),
    ],
)
def test_two_matters_are_both_kept_the_urgent_one_first(
    classifier: Classifier, text: str, first: str, second: str | None
) -> None:
    found = classifier.understand([Hypothesis(text)], "pl")
    assert (found.intent, found.second) == (first, second)


@pytest.mark.parametrize(
    ("text", "denied", "intent"),
    [
        ("nie chcę zastrzegać swojego plastiku, wolę zmienić PIN", "card_block", "card_limits_pin"),
        ("nie dzwonię w sprawie hipoteki tylko o saldo pytam", "mortgage", "balance"),
        ("hipoteki nie chcę brać", None, None),
        ("proszę nie blokować karty", "card_block", "out_of_scope"),
    ],
)
def test_what_is_denied_is_not_done_and_is_told(
    classifier: Classifier, text: str, denied: str | None, intent: str | None
) -> None:
    found = classifier.understand([Hypothesis(text)], "pl")
    assert found.intent not in found.denied
    assert denied is None or denied in found.denied
    assert intent is None or found.intent == intent


def test_an_emergency_that_was_not_denied_is_not_lost_with_what_was(classifier: Classifier) -> None:
    found = classifier.understand([Hypothesis("nie pytam o saldo ukradli mi portfel z kartą w tramwaju")], "pl")
    assert found.intent == "card_block"
    assert found.decision is not Decision.REJECT


@pytest.mark.parametrize("text", ["karta", "ja w sprawie karty", "mam problem z kartą", "moja karta"])
def test_a_word_for_several_matters_is_a_choice(classifier: Classifier, text: str) -> None:
    found = classifier.understand([Hypothesis(text)], "pl")
    assert (found.decision, found.choices) == (Decision.CHOOSE, ("card_issue", "card_limits_pin", "card_block"))


@pytest.mark.parametrize("text", ["zastrzeżenie", "kradzież", "portmonetka", "dowód"])
def test_one_word_is_never_an_emergency_without_a_question(classifier: Classifier, text: str) -> None:
    assert understood(classifier, text)[1] is not Decision.ACCEPT


@pytest.mark.parametrize(
    "text", ["przyniosę jutro paszport", "gdzie okazać dowód osobisty do wglądu", "zeskanować dokument", "naładuj kartę"]
)
def test_a_thing_to_which_nothing_happened_is_no_emergency_without_a_question(classifier: Classifier, text: str) -> None:
    intent, decision, _ = understood(classifier, text)
    assert decision is not Decision.ACCEPT or intent not in ("card_block", "document_block")


@pytest.mark.parametrize("text", ["ukradli mi paszport i kartę", "kartę i dowód mi ukradli", "zginęła mi karta oraz dowód"])
def test_two_emergencies_that_share_their_words_are_both_kept_the_card_first(classifier: Classifier, text: str) -> None:
    found = classifier.understand([Hypothesis(text)], "pl")
    assert (found.intent, found.second) == ("card_block", "document_block")


def test_life_in_danger_is_asked_about_though_no_model_was_taught_it(classifier: Classifier) -> None:
    found = classifier.understand([Hypothesis("dziadek przestał oddychać")], "pl")
    assert found.decision is not Decision.REJECT
    assert "life_danger" in (found.intent, *found.choices)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("chciałbym porozmawiać z kimś o kredycie hipotecznym", "mortgage"),
        ("połącz mnie z konsultantem w sprawie zgubionej karty", "card_block"),
        ("chcę rozmawiać z człowiekiem", "agent"),
    ],
)
def test_a_human_asked_for_a_matter_is_that_matter(classifier: Classifier, text: str, intent: str) -> None:
    assert understood(classifier, text)[0] == intent


def test_where_a_human_is_asked_about_is_found_in_both_languages() -> None:
    assert asked_about("chcę z kimś porozmawiać o lokacie", "pl") == "lokacie"
    assert asked_about("put me through to a person about my lost card", "en") == "my lost card"
    assert asked_about("chcę z kimś porozmawiać", "pl") is None
    assert asked_about("chce z kims porozmawiac o pożyczce", "pl") == "pożyczce"


def test_of_what_a_bare_word_may_mean_none_is_likelier(classifier: Classifier) -> None:
    """The model may be sure of one; the caller was not, and silence must not make it an emergency."""
    found = classifier.understand([Hypothesis("telefon", 1.0)], "pl")
    assert found.decision is Decision.CHOOSE
    assert [one.intent for one in found.ranking] == list(found.choices)
    assert {one.confidence for one in found.ranking} == {1 / len(found.choices)}
