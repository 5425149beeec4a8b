"""A language is complete, and one more needs its module and its data, and no change anywhere else."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import chain
from pathlib import Path

import pytest
from num2words import num2words

import nlu.languages
from nlu.languages import languages
from nlu.languages.language import ActWords, Language, Slot, fold
from nlu.text.acts import find_act
from nlu.text.dates import find_days
from nlu.text.number_words import find_numbers, numbers_to_digits
from nlu.text.redaction.redact import redact
from nlu.types import Act

HERE = Path(__file__).parent


@pytest.mark.parametrize("language", languages().values(), ids=lambda language: language.code)
class TestComplete:
    def test_every_field_says_something(self, language: Language) -> None:
        """But for what a language may do without: repeated digits, doubtful months, "of", words after "no"."""
        may_be_empty = {"repeats", "zeros", "doubtful_months", "month_first", "of", "not_dictated", "not_corrected"}
        secrets = (language.secrets, language.secrets.passwords)
        for part in (language, language.acts, language.dates, language.matters, *secrets, language.turns):
            for field in fields(part):
                assert getattr(part, field.name) or field.name in may_be_empty, f"{language.code}: {field.name} is empty"

    def test_every_act_has_phrases(self, language: Language) -> None:
        said = {act for act, phrases in language.acts.phrases.items() if phrases.count("|") >= 5}
        assert said == {Act.AFFIRM, Act.DENY, Act.REPEAT, Act.HELP, Act.WAIT, Act.GOODBYE, Act.AGENT}

    def test_acts_are_found(self, language: Language) -> None:
        for act, phrases in language.acts.phrases.items():
            first = phrases.split("|")[0].strip()
            found = find_act(first, language.code)
            assert found is not None
            assert found.act is act

    def test_patterns_compile(self, language: Language) -> None:
        acts: ActWords = language.acts
        patterns = [acts.negated, acts.negated_noun, language.corrections, language.asked_for]
        patterns += [language.matters.cuts_marked, language.matters.cuts_plain, language.matters.about]
        for part in (language.secrets, language.secrets.passwords):
            values = (getattr(part, field.name) for field in fields(part))
            patterns += [value for value in values if isinstance(value, str)]
        for pattern in patterns:
            re.compile(pattern)
        for pattern in (acts.negated, acts.negated_noun):
            assert {"negated", "kept"} <= set(re.compile(pattern).groupindex)
        assert "matter" in re.compile(language.matters.about).groupindex

    def test_every_digit_teen_ten_and_multiplier_has_a_word(self, language: Language) -> None:
        said = {(entry.value, entry.slot) for entry in language.number_words.values() if not entry.ordinal and entry.alone}
        assert {(value, Slot.DIGIT) for value in range(10)} <= said
        assert {(value, Slot.TEEN) for value in range(10, 20)} <= said
        assert {(value, Slot.TEN) for value in range(20, 100, 10)} <= said
        assert (1000, Slot.TIMES) in said
        assert all(word == fold(word) for word in language.number_words)

    def test_numbers_are_read_as_they_are_said(self, language: Language) -> None:
        """Every number up to 7,000 and many up to a million, as another program says them."""
        for number in chain(range(7_000), range(7_000, 1_000_000, 997)):
            words = num2words(number, lang=language.code).replace("-", " ").replace(",", "").split()
            assert [found.value for found in find_numbers(words, language.code)] == [number], " ".join(words)

    def test_a_dictated_code_is_masked_whatever_its_numbers(self, language: Language) -> None:
        code = {"pl": "kod", "en": "code"}[language.code]
        for number in range(10, 100):
            words = num2words(number, lang=language.code).replace("-", " ")
            said = f"{code} {words} {words} {words}"
            assert words not in redact(said), said

    def test_months_and_weekdays_are_all_there(self, language: Language) -> None:
        assert language.dates.months.count("|") == 11
        assert language.dates.weekdays.count("|") == 6
        day = language.dates.weekdays.split("|")[4].split()[0]
        assert [found.value for found in find_days([day], language.code)] == ["friday"]


GERMAN = '''
"""German, a few words of it: enough to show what a language needs."""

from __future__ import annotations

from dataclasses import replace

from nlu.languages.english import LANGUAGE as ENGLISH
from nlu.languages.language import NumberWord, Slot, fold
from nlu.types import Act

_ONES = "null eins zwei drei vier fünf sechs sieben acht neun".split()
_WORDS = {word: NumberWord(value, Slot.DIGIT) for value, word in enumerate(_ONES)}
_WORDS |= {word: NumberWord(10 + at, Slot.TEEN) for at, word in enumerate("zehn elf zwölf".split())}
_WORDS |= {"zwanzig": NumberWord(20, Slot.TEN), "tausend": NumberWord(1000, Slot.TIMES)}

LANGUAGE = replace(
    ENGLISH,
    code="de",
    number_words={fold(word): entry for word, entry in _WORDS.items()},
    acts=replace(
        ENGLISH.acts,
        phrases={Act.AFFIRM: "ja|genau|stimmt", Act.DENY: "nein|nö", Act.AGENT: "einen berater|ein mensch"},
        polite="bitte|danke",
    ),
    dates=replace(ENGLISH.dates, near={"heute": 0, "gestern": -1}, ago="her", ahead="in"),
    secrets=replace(
        ENGLISH.secrets,
        strong="geheimzahl",
        codes="kennwort",
        fillers=frozenset({"und"}),
        currencies="euro",
        passwords=replace(ENGLISH.secrets.passwords, name="passwort", said="ist"),
    ),
    common_words=frozenset("ich habe meine karte verloren bitte nicht und der die das".split()),
    shared_words=frozenset(),
    asked_for=r"auf deutsch|in german|po niemiecku",
)
'''


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of a third language in the folder of languages, as far as Python can tell."""
    (tmp_path / "german.py").write_text(GERMAN, encoding="utf-8")
    monkeypatch.setattr(nlu.languages, "__path__", [*nlu.languages.__path__, str(tmp_path)])
    forget()
    yield "de"
    monkeypatch.undo()
    forget()


def forget() -> None:
    """What was worked out from the languages that were known is worked out anew."""
    import nlu.text.acts
    import nlu.text.dates
    import nlu.text.normalise
    import nlu.text.redaction.births
    import nlu.text.redaction.dictation
    import nlu.text.redaction.harmless
    import nlu.text.redaction.names
    import nlu.text.redaction.passwords
    import nlu.understanding.entities
    import nlu.understanding.foreign
    import nlu.understanding.matters

    languages.cache_clear()
    nlu.text.acts._lexicon.cache_clear()
    nlu.text.dates._calendar_of.cache_clear()
    nlu.text.normalise._corrections.cache_clear()
    nlu.text.redaction.dictation.lexicon.cache_clear()
    nlu.text.redaction.dictation._taken_back.cache_clear()
    nlu.text.redaction.harmless._known.cache_clear()
    nlu.text.redaction.births._known.cache_clear()
    nlu.text.redaction.passwords._languages.cache_clear()
    nlu.text.redaction.names._name_patterns.cache_clear()
    nlu.text.redaction.names.links.cache_clear()
    nlu.understanding.entities._money.cache_clear()
    nlu.understanding.foreign._request_patterns.cache_clear()
    nlu.understanding.matters._patterns.cache_clear()


def test_a_third_language_reads_numbers_acts_days_and_secrets(german: str) -> None:
    assert set(languages()) == {"de", "en", "pl"}
    assert numbers_to_digits("zwei drei vier fünf", german) == "2345"
    assert [number.value for number in find_numbers("zwanzig tausend".split(), german)] == [20_000]
    found = find_act("ja genau bitte", german)
    assert found is not None
    assert found.act is Act.AFFIRM
    assert [day.value for day in find_days(["gestern"], german)] == ["D-1"]
    assert "4321" not in redact("meine Geheimzahl 4321")
    assert "katze" not in redact("mein Passwort ist katze")
    assert "sechs" not in redact("sechs null eins zwei drei vier fünf sechs sieben")


def test_a_third_language_is_trained_and_understood(german: str, tmp_path: Path) -> None:
    """A pack with a folder of its own for it: nothing else is needed."""
    from nlu.pack.pack import BANK_PACK, Pack
    from nlu.types import Decision, Hypothesis
    from nlu.understanding.loading import load

    folder = tmp_path / "pack"
    shutil.copytree(BANK_PACK, folder, ignore=shutil.ignore_patterns("pl", "en", "dev"))
    (folder / german).mkdir()
    said = {
        "card_block": ["ich habe meine karte verloren", "karte weg", "meine karte wurde gestohlen", "bitte karte sperren"],
        "balance": ["wie viel geld habe ich", "mein kontostand", "kontostand bitte", "wie viel ist auf dem konto"],
        "transfer": ["ich möchte geld überweisen", "eine überweisung", "überweisung bitte", "geld schicken"],
        "out_of_scope": ["wie wird das wetter", "eine pizza bitte", "wer hat das spiel gewonnen", "erzähl einen witz"],
    }
    for intent, lines in said.items():
        rows = "".join(f"    - {line}\n" for line in lines)
        (folder / german / f"{intent}.yml").write_text(
            f'version: "3.1"\nnlu:\n- intent: {intent}\n  examples: |\n{rows}', encoding="utf-8"
        )
    classifier = load(Pack(folder), [german], cache=tmp_path / "cache", semantic=False)
    random.seed(1)
    understood = classifier.understand([Hypothesis("hallo meine karte ist weg")], german)
    assert understood.intent == "card_block" or understood.decision is not Decision.ACCEPT
    assert understood.ranking[0].intent == "card_block"
    assert classifier.understand([Hypothesis("nein")], german).act is Act.DENY


def test_a_language_that_is_not_known_has_no_acts_numbers_or_days() -> None:
    assert find_act("ja", "xx") is None
    assert find_numbers(["zwei"], "xx") == []
    assert find_days(["gestern"], "xx") == []


def test_the_contract_is_a_value() -> None:
    polish = languages()["pl"]
    assert replace(polish, code="pl") == polish
