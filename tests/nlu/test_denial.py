"""Denials have a scope: what is denied, what is left, and which "nie" denies nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.text.denial import refers, scoped
from nlu.text.normalise import normalise

DENIED = (
    ("pl", "Nie chcę brać pożyczki, tylko przełożyć spłatę.", "pożyczki", "przełożyć spłatę"),
    ("pl", "nie dzwonię w sprawie hipoteki ale ubezpieczenia", "hipoteki", "ubezpieczenia"),
    ("pl", "nie nie unieważniać tylko doślijcie", "unieważniać", "doślijcie"),
    ("pl", "zamiast zamykać rachunek wolę zmienić pakiet", "zamykać rachunek", "wolę zmienić pakiet"),
    ("pl", "portfela mi nie ukradli, drzwi się zatrzasnęły", "portfela mi ukradli", "portfela mi drzwi się zatrzasnęły"),
    ("pl", "nie chodzi o lokatę wpłata mi się zdublowała", "lokatę", "wpłata mi się zdublowała"),
    ("en", "I don't want to cancel the policy, just change the date", "cancel the policy", "change the date"),
    ("en", "please don't close it, I only moved house", "close it", "i only moved house"),
    ("en", "I'm not ringing about a mortgage but about parking", "mortgage", "about parking"),
    ("en", "rather than open one I'd join my wife's", "open one", "id join my wifes"),
)


@pytest.mark.parametrize(("lang", "said", "denied", "left"), DENIED)
def test_what_is_denied_and_what_is_left(lang: str, said: str, denied: str, left: str) -> None:
    found = scoped(said, lang)
    assert [one.said for one in found.denials] == [denied]
    assert found.without(found.denials) == left


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("pl", "terminal nie działa"),
        ("pl", "nie mogę wejść na stronę"),
        ("pl", "nie kupowałem tego"),
        ("pl", "nie chcę już tej polisy"),
        ("pl", "nie chcę płacić za przelewy"),
        ("pl", "aplikacja nie chce się otworzyć"),
        ("en", "the card doesn't work"),
        ("en", "I didn't make that payment"),
        ("en", "I don't want this policy any more"),
        ("en", "I don't recognise it"),
    ],
)
def test_a_not_that_is_the_matter_itself_denies_nothing(lang: str, said: str) -> None:
    assert not scoped(said, lang).denials


def test_a_word_that_stands_for_the_thing_denied_is_known() -> None:
    assert refers("wymienić ją", "pl")
    assert not refers("wymienić kartę", "pl")
    assert not refers("ją", "xx")


@pytest.mark.parametrize(
    ("lang", "said", "meant"),
    [
        ("pl", "chcę zastrzec kartę, to znaczy nie, dowód", "chcę zastrzec dowód"),
        ("pl", "zamknąć rachunek znaczy nie otworzyć", "otworzyć rachunek"),
        ("pl", "pytam o lokatę a nie przepraszam o fundusz", "pytam o fundusz"),
        ("pl", "saldo, nie czekaj, chciałbym jednak zrobić przelew", "chciałbym jednak zrobić przelew"),
        ("en", "I want a mortgage, no sorry, loan", "i want a loan"),
    ],
)
def test_a_short_correction_takes_the_place_of_what_it_corrects(lang: str, said: str, meant: str) -> None:
    assert normalise(said, lang) == meant


@given(st.text(alphabet="nie chcętylkoadont,. want'karybu", max_size=80), st.sampled_from(["pl", "en", "xx"]))
def test_any_text_is_cut_without_losing_or_inventing_words(said: str, lang: str) -> None:
    found = scoped(said, lang)
    left = found.without(found.denials).split()
    spoken = found.text.replace(",", " ").split()
    assert all(0 <= one.start < one.end <= len(found.text) for one in found.denials)
    assert len(left) <= len(spoken)
    assert set(left) <= set(spoken)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jaki macie procent, dowód mam i nie trzeba go zastrzegać", "dowód mam i go zastrzegać"),
        ("znalazłam kartę, nie musicie jej blokować", "znalazłam kartę jej blokować"),
    ],
)
def test_a_pronoun_in_a_denial_stands_for_the_thing_before_it(text: str, said: str) -> None:
    """Whoever says "there is no need to block it" has named it already."""
    assert [one.said for one in scoped(text, "pl").denials] == [said]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("zastrzeżenie dokumentu, a nie czekaj, mam zablokowane środki", "mam zablokowane środki"),
        ("saldo to znaczy nie mam dostępu", "saldo to znaczy nie mam dostępu"),
    ],
)
def test_words_that_go_on_after_a_no_correct_nothing(text: str, meant: str) -> None:
    """ "nie mam" is said of the matter itself; "czekaj, mam" begins anew."""
    assert normalise(text, "pl") == meant
