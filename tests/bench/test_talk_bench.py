"""The simulated population: who calls, what they do about what is offered, and that the judge sees what goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from random import Random

import pytest
from ruamel.yaml import YAML

import bench.talk.__main__ as command
import voicebot.records.journal
from bench.nlu_callers import CALLERS, read_callers
from bench.talk.calls import Held, hold
from bench.talk.figures import FAULTS, bootstrap, figures_of, kinds_of, wilson
from bench.talk.leaks import stands
from bench.talk.offers import offer_of
from bench.talk.people import Person, Secret, people, spoken_digits
from bench.talk.phrases import LANGUAGES, load_phrases
from bench.talk.report import examples_of, lines_of
from bench.talk.speech import misheard, written
from dialogs.data.bundle import load_bundle
from dialogs.events import Action, CollectKeys, Expect, Listen, Prompt, Say
from nlu.languages.language import fold
from nlu.pack.pack import BANK_PACK, Pack
from nlu.types import AGENT, OUT_OF_SCOPE, Act, Decision, Hypothesis, RankedIntent, Understander, Understanding
from nlu.understanding.keywords import KeywordUnderstander
from voicebot.redaction import Redaction

BUNDLE = load_bundle()
KEYWORDS = KeywordUnderstander(Pack(BANK_PACK))
ENOUGH = 12
_ENTITY = re.compile(r"\]\([^)]*\)|\]\{[^}]*\}|\[")
FIGURES = 12


def population(language: str = "pl", count: int = 40, seed: int = 1) -> list[Person]:
    return list(people(load_phrases(language), BUNDLE, count=count, seed=seed))


def held(understander: Understander, count: int = 60, language: str = "pl") -> list[Held]:
    phrases = load_phrases(language)
    return [hold(person, phrases, BUNDLE, understander) for person in population(language, count)]


class Always:
    """Understands the same, whatever is said."""

    def __init__(self, intent: str, act: Act | None = None) -> None:
        self.found = (intent, act)

    def understand(self, hypotheses: Sequence[Hypothesis], lang: str) -> Understanding:
        intent, act = self.found
        text = hypotheses[0].text
        if act is not None:
            return Understanding(text, OUT_OF_SCOPE, 1.0, Decision.REJECT, (RankedIntent(OUT_OF_SCOPE, 1.0),), act=act)
        return Understanding(text, intent, 0.99, Decision.ACCEPT, (RankedIntent(intent, 0.99),))


def plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text)))


# ---------------------------------------------------------------- what they say


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_matter_is_told_in_many_ways(language: str) -> None:
    """And each is a matter of the bundle; both languages have the same lists."""
    phrases = load_phrases(language)
    matters = set(BUNDLE.routes.matters) | {AGENT, OUT_OF_SCOPE}
    assert set(phrases.matters) == set(load_phrases("pl").matters)
    assert set(phrases.lists) == set(load_phrases("pl").lists)
    for name, matter in phrases.matters.items():
        assert name in matters
        assert len({plain(way.text) for way in matter.ways}) >= ENOUGH, name
        assert {also for way in matter.ways for also in way.also} <= matters, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_caller_says_what_the_model_was_taught(language: str) -> None:
    """Nor what it was measured with before. A few words are anybody's."""
    taught = {plain(line.text) for line in read_callers(CALLERS[language])}
    for path in (BANK_PACK / language).rglob("*.yml"):
        for entry in YAML(typ="safe").load(path.read_text(encoding="utf-8")).get("nlu", []):
            taught |= {plain(_ENTITY.sub("", line)) for line in str(entry.get("examples", "")).splitlines()}
    assert len(taught) > 1000
    ways = [way.text for matter in load_phrases(language).matters.values() for way in matter.ways]
    assert [way for way in ways if plain(way) in taught and len(way.split()) > 3] == []


def test_the_same_seed_gives_the_same_people_and_calls() -> None:
    """And another seed gives others."""
    assert population() == population()
    assert population() != population(seed=2)
    assert held(KEYWORDS, 10) == held(KEYWORDS, 10)


def test_the_population_is_varied() -> None:
    """Every matter, opening and mood comes up, and a secret now and then."""
    many = population(count=1500)
    assert {person.goal for person in many} == set(load_phrases("pl").matters)
    assert len({person.opening for person in many}) == 13
    assert len({person.mood for person in many}) == 5
    assert any(person.secret for person in many)
    assert any(person.caller.withheld for person in many)


def test_words_come_out_as_a_recogniser_writes_them() -> None:
    """With capitals and a full stop, or with neither; mishearings leave most of the words."""
    rng = Random(1)
    assert written("no,  dobrze , tak", rng, capitals=False) == "no dobrze tak"
    assert written("no, dobrze", rng, capitals=True).startswith("No, dobrze")
    said = "chciałbym zmienić limit na karcie do płatności w internecie"
    heard = misheard(said, rng, 1)
    assert len(set(said.split()) & set(heard.split())) >= len(said.split()) - 1


# ---------------------------------------------------------------- what is offered


TWO = (("first", "matter.fees"), ("last", "matter.blik"))
OPTION = (("what", "menu_name.cards"), ("key", "1"))


def says(*prompts: Prompt) -> Action:
    return Say(prompts, "pl", "s1")


@pytest.mark.parametrize(
    ("actions", "kind", "matters"),
    [
        ([says(Prompt("ask_matter")), Listen()], "open", ()),
        ([says(Prompt("confirm", (("matter", "matter.blik"),))), Listen(Expect.YES_NO)], "confirm", ("blik",)),
        ([says(Prompt("confirm_emergency.card_block")), Listen(Expect.YES_NO)], "confirm", ("card_block",)),
        ([says(Prompt("choose.two", TWO)), Listen(Expect.CHOICE)], "choose", ("fees", "blik")),
        ([says(Prompt("menu"), Prompt("menu_option", OPTION)), Listen(Expect.CHOICE)], "menu", ()),
        ([says(Prompt("connect.cards")), Listen()], "announced", ()),
        ([says(Prompt("message.balance"), Prompt("after_message")), Listen(Expect.YES_NO)], "after_message", ()),
        ([says(Prompt("closed.select")), Listen(Expect.CHOICE)], "closed", ()),
        ([says(Prompt("something_new")), CollectKeys(9)], "number", ()),
        ([says(Prompt("something_new")), Listen(Expect.YES_NO)], "yes_no", ()),
    ],
)
def test_an_offer_is_read_from_what_is_said(actions: list[Action], kind: str, matters: tuple[str, ...]) -> None:
    """Also of prompts that nobody has written yet."""
    offer = offer_of(actions)
    assert (offer.kind, offer.matters) == (kind, matters)


# ---------------------------------------------------------------- the judge


def test_every_call_ends_and_is_judged() -> None:
    """Also with keywords in place of the model, which understand little."""
    calls = held(KEYWORDS) + held(KEYWORDS, language="en")
    assert all(call.transcript and call.seconds > 0 for call in calls)
    assert any(call.right for call in calls)
    assert any(call.tired for call in calls)


def test_whoever_hears_fraud_everywhere_raises_false_alarms_and_does_what_was_denied() -> None:
    """And is right only for those who report it."""
    calls = held(Always("fraud_report"))
    assert all(call.false_alarm for call in calls if call.calm and call.place == "fraud")
    assert sum(call.false_alarm for call in calls) > len(calls) / 2
    assert not any(call.right for call in calls if call.calm and call.counts and call.place == "fraud")


def test_a_goodbye_that_nobody_said_ends_no_call() -> None:
    """It is asked about first."""
    assert not any(call.hung_up for call in held(Always("", Act.GOODBYE)))


def test_a_secret_that_is_not_masked_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every one of them, once redaction is gone."""

    class Careless(Redaction):
        def text(self, text: str) -> str:
            return text

    phrases = load_phrases("pl")
    telling = [person for person in population(count=300) if person.secret and person.secret.early][:10]
    masked = [hold(person, phrases, BUNDLE, Always("transfer")) for person in telling]
    monkeypatch.setattr(voicebot.records.journal, "RECORDS", Careless(keep_keys=True))
    careless = [hold(person, phrases, BUNDLE, Always("transfer")) for person in telling]
    told = [call for call in careless if call.secret_told]
    assert told
    assert all(call.secret_found for call in told)
    assert sum(call.secret_found for call in masked) < len(told)


@pytest.mark.parametrize(
    ("digits", "text", "found"),
    [
        ("4571", "pin 4571", True),
        ("4571", "pin 45-71", True),
        ("4571", "o 14571 zł", False),
        ("4571", "0.4571", False),
        ("92071314764", "pesel 92 07 13 14 764", True),
        ("92071314764", "pesel 920713 <digits>", True),
        ("92071314764", "pesel <pesel>", False),
    ],
)
def test_where_a_secret_stands(digits: str, text: str, found: bool) -> None:
    """A short one by itself; of a long one half is enough."""
    assert stands(Secret("any", digits, "never said so", early=True), text) is found


@pytest.mark.parametrize("language", LANGUAGES)
def test_digits_are_dictated_in_many_ways(language: str) -> None:
    """Runs, groups, words, tens."""
    phrases = load_phrases(language)
    said = {spoken_digits("4017", phrases, Random(seed)) for seed in range(60)}
    tens, ones, teens = (phrases.lists[name] for name in ("tens", "digits", "teens"))
    assert {"4017", "40 17", " ".join(ones[int(digit)] for digit in "4017"), f"{tens[2]} {teens[7]}"} <= said


# ---------------------------------------------------------------- figures


def test_intervals_hold_what_they_should() -> None:
    """Wilson's against a published example, and that more calls make them narrower."""
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)  # R. G. Newcombe, 1998, table I
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 100)[0] == 0.0
    few, many = bootstrap([0.0, 1.0] * 20), bootstrap([0.0, 1.0] * 2000)
    assert few[0] < many[0] < 0.5 < many[1] < few[1]


def test_figures_and_examples_are_told() -> None:
    """Each figure with its interval; of each fault calls of several matters."""
    calls = held(KEYWORDS, 200)
    figures = list(figures_of(calls))
    assert len(figures) == FIGURES
    assert all(figure.low <= figure.value <= figure.high for figure in figures)
    assert [kind.value for kind in kinds_of(calls)] == sorted(kind.value for kind in kinds_of(calls))
    told = "\n".join(examples_of(calls, each=3))
    assert all(f"## {fault}:" in told for fault in FAULTS)
    assert "right place, first time" in "\n".join(lines_of("pl", calls))


def test_the_command_prints_figures_and_writes_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every call can be read afterwards."""
    monkeypatch.setattr(command, "load_understander", lambda settings, languages: KEYWORDS)
    assert command.main(["--calls", "20", "--languages", "en", "--folder", str(tmp_path)]) == 0
    assert "en: 20 calls" in capsys.readouterr().out
    rows = [json.loads(line) for line in (tmp_path / "en.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 20
    assert all(row["transcript"] and datetime.fromisoformat(row["at"]) for row in rows)
    assert (tmp_path / "en.md").read_text(encoding="utf-8").count("## ") == len(FAULTS)
