"""Words that name several matters are recognised in any form, alone or after an opening, and never beside what tells more."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlu.errors import PackError
from nlu.model.lemmas import Lemmas
from nlu.pack.pack import Pack
from nlu.understanding.bare import BareWords, bare, opened, read_ambiguous

PACK = Pack()
FORMS = Lemmas.from_table({"kartą": "karta", "karta": "karta", "karty": "karta", "umowy": "umowa", "umowa": "umowa"})


@pytest.mark.parametrize(
    ("lang", "said", "left"),
    [
        ("pl", "dzień dobry ja w sprawie umowy", "umowy"),
        ("pl", "mam problem z moją kartą", "kartą"),
        ("pl", "moja karta proszę", "karta"),
        ("pl", "pytanie odnośnie przelewu", "przelewu"),
        ("pl", "chciałem zapytać kiedy przyjdzie nowa karta do domu", "chciałem zapytać kiedy przyjdzie nowa karta do domu"),
        ("en", "hello its about my loan", "loan"),
        ("en", "a question about the app", "app"),
        ("xx", "karta", "karta"),
    ],
)
def test_an_opening_before_a_bare_thing_is_left_out(lang: str, said: str, left: str) -> None:
    assert bare(said, lang) == left


def test_what_tells_something_is_kept_whole_for_the_classifier() -> None:
    assert opened("ile mam na koncie", "pl") == "ile mam na koncie"
    assert opened("ja w sprawie mojej karty", "pl") == "mojej karty"


def test_every_form_of_an_ambiguous_word_has_its_choices() -> None:
    words = BareWords({"karta": ("card_issue", "card_block"), "umowa": ("insurance", "loan_service")}, FORMS)
    assert words.choices("kartą") == words.choices("karty") == ("card_issue", "card_block")
    assert words.choices("karty umowy") == ()


@pytest.mark.parametrize("lang", PACK.languages)
def test_the_bank_pack_asks_between_two_or_three_and_never_offers_an_emergency_first_for_a_harmless_thing(lang: str) -> None:
    choices = read_ambiguous(PACK.root / "ambiguous.yml", PACK)[lang]
    urgent = {word for word, named in choices.items() if PACK.is_emergency(named[0])}
    assert urgent <= {"blokada", "portfel", "portmonetka", "torebka", "block", "wallet", "purse", "handbag"}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("pl: karta\n", "is not a mapping"),
        ("pl:\n  karta: [balance]\n", "two or three intents"),
        ("pl:\n  karta: [balance, pizza]\n", "unknown intent 'pizza'"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, written: str, told: str) -> None:
    path = tmp_path / "ambiguous.yml"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(PackError, match=told):
        read_ambiguous(path, PACK)


def test_a_pack_without_the_file_has_no_ambiguous_words(tmp_path: Path) -> None:
    assert read_ambiguous(tmp_path / "ambiguous.yml", PACK) == {}
