"""Life in danger is heard by phrases alone, in any language; figures of speech, claims and old stories are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlu.errors import PackError
from nlu.pack.pack import Pack
from nlu.types import LIFE_DANGER, Decision, Hypothesis
from nlu.understanding.danger import read_danger
from nlu.understanding.keywords import KeywordUnderstander

KEYWORDS = KeywordUnderstander(Pack())

IN_DANGER = (
    ("pl", "Halo, dziadek upadł i się nie rusza!"),
    ("pl", "ja już nie chcę żyć nikt mi nie pomoże"),
    ("pl", "mieszkanie mi się pali co robić"),
    ("pl", "zaraz się powieszę i będzie spokój"),
    ("pl", "mama chyba ma udar buzia jej opadła"),
    ("pl", "on mi grozi nożem proszę pani"),
    ("pl", "wzięłam wszystkie tabletki jakie były"),
    ("pl", "niech pani wezwie karetkę"),
    ("pl", "I can't go on, I want to end my life"),
    ("pl", "чоловік не дихає допоможіть"),
    ("en", "my little boy stopped breathing"),
    ("en", "he's going to kill me, he's outside the door"),
    ("en", "the kitchen's on fire"),
    ("en", "I think my husband is having a stroke"),
    ("en", "please send an ambulance"),
    ("en", "nie chcę już żyć"),
    ("en", "я больше не хочу жить"),
)
NOT_IN_DANGER = (
    ("pl", "umrę ze śmiechu"),
    ("pl", "zabijecie mnie tymi opłatami"),
    ("pl", "chcę ubezpieczenie na życie"),
    ("pl", "miałem zawał w marcu pół roku temu i chcę wypłatę z polisy"),
    ("pl", "nie mam za co żyć do pierwszego"),
    ("pl", "po pożarze spłonęły mi dokumenty"),
    ("pl", "rachunek za karetkę chcę zapłacić"),
    ("pl", "mąż mnie zabije jak zobaczy ten wyciąg"),
    ("pl", "aplikacja ledwo dycha"),
    ("en", "this queue is killing me"),
    ("en", "I'm dying to know what I've got left"),
    ("en", "there was a fire last year and I want to claim on the policy"),
    ("en", "my phone died"),
    ("en", "how do I pay the ambulance bill"),
    ("en", "I don't want to live with these fees any longer"),
)


@pytest.mark.parametrize(("lang", "said"), IN_DANGER)
def test_life_in_danger_is_asked_about_without_a_classifier(lang: str, said: str) -> None:
    found = KEYWORDS.understand([Hypothesis(said)], lang)
    assert (found.intent, found.decision) == (LIFE_DANGER, Decision.CONFIRM)


@pytest.mark.parametrize(("lang", "said"), NOT_IN_DANGER)
def test_figures_of_speech_claims_and_old_stories_are_no_danger(lang: str, said: str) -> None:
    assert KEYWORDS.understand([Hypothesis(said)], lang).intent != LIFE_DANGER


def test_danger_comes_before_any_other_emergency() -> None:
    assert KEYWORDS.emergency("ukradli mi kartę i mąż nie oddycha", "pl") == LIFE_DANGER


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("pl: nie oddycha\n", "is not a list"),
        ("pl:\n  - '!polis'\n", "asks for nothing"),
        ("pl:\n  - 'nie (oddycha'\n", "is not made of stems"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path: Path, written: str, told: str) -> None:
    path = tmp_path / "danger.yml"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(PackError, match=told):
        read_danger(path)
