"""Languages: offered by the number, heard in the words, switched at any time."""

from __future__ import annotations

import pytest

from dialogs import Bundle
from dialogs.events import Conditions, HandOff, Listen, PromptFinished, Say
from tests.dialogs.calls import MOBILE, SATURDAY_NIGHT, WEDNESDAY_NOON, YES, Call, means

ENGLISH = means(act="language", language="en", text="can we speak english")
UKRAINIAN = means(act="language", language="uk", text="я хочу говорити українською")


def spoken(call: Call) -> list[tuple[str, str]]:
    return [(action.language, prompt.id) for action in call.actions if isinstance(action, Say) for prompt in action.prompts]


@pytest.mark.parametrize(
    ("number", "hint", "explicit", "opening"),
    [
        (MOBILE, None, None, [("pl", "greeting"), ("pl", "ask_matter")]),
        (None, None, None, [("pl", "greeting"), ("pl", "ask_matter")]),
        ("+447700900123", None, None, [("en", "greeting"), ("pl", "language_offer"), ("en", "ask_matter")]),
        (MOBILE, "en", None, [("en", "greeting"), ("pl", "language_offer"), ("en", "ask_matter")]),
        ("+447700900123", "pl", None, [("pl", "greeting"), ("pl", "ask_matter")]),
        ("+380671234567", None, None, [("pl", "greeting"), ("uk", "language_offer"), ("pl", "ask_matter")]),
        (MOBILE, "ru", None, [("pl", "greeting"), ("uk", "language_offer"), ("pl", "ask_matter")]),
        (MOBILE, "de", None, [("pl", "greeting"), ("pl", "ask_matter")]),
        ("+447700900123", "uk", "en", [("en", "greeting"), ("en", "ask_matter")]),
    ],
)
def test_the_greeting(
    bundle: Bundle, number: str | None, hint: str | None, explicit: str | None, opening: list[tuple[str, str]]
) -> None:
    call = Call(bundle, number=number, caller={"language": hint}, language=explicit)
    assert spoken(call) == opening


@pytest.mark.parametrize("ask", [ENGLISH, means(decision="reject", text="english please"), "81"])
def test_english_by_words_by_name_and_by_keys(bundle: Bundle, ask: object) -> None:
    call = Call(bundle)
    call.presses(ask) if isinstance(ask, str) else call.hears(ask)  # type: ignore[arg-type]
    assert ("en", "language_switched") in spoken(call)
    assert [action.language for action in call.actions if isinstance(action, Listen)][-1] == "en"
    assert call.hears(means("fees")).waits().handed.language == "en"


def test_a_matter_said_in_english_is_taken_in_english(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("mortgage", language="en", act="language")).waits()
    assert (call.handed.queue, call.handed.language) == ("mortgage", "en")
    assert spoken(call)[-1] == ("en", "connect.mortgage")


def test_an_unsure_matter_in_english_is_asked_about_in_english(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("mortgage", "confirm", language="en", act="language"))
    assert spoken(call)[-1] == ("en", "confirm")


def test_the_language_changes_in_the_middle_of_a_question(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("transfer", "confirm"), ENGLISH)
    assert spoken(call)[-2:] == [("en", "language_switched"), ("en", "confirm")]
    assert call.hears(YES).waits().handed.language == "en"


@pytest.mark.parametrize(
    ("text", "queue"),
    [
        ("доброго дня я загубила картку", "card_emergency"),
        ("ukrali moju kartu pamagicie", "card_emergency"),
        ("у меня украли паспорт", "fraud"),
        ("меня обманули мошенники", "fraud"),
    ],
)
def test_an_emergency_in_a_language_nobody_taught_the_classifier_is_an_emergency(bundle: Bundle, text: str, queue: str) -> None:
    call = Call(bundle).hears(means(decision="reject", text=text)).waits()
    assert (call.place, call.handed.language) == ((queue, 10), "uk")
    assert spoken(call)[-1] == ("uk", f"connect.{queue}")


@pytest.mark.parametrize(
    "text", ["zgubiłem kartę", "zagubiona karta", "ukradli mi kartę", "zablokować kartę", "karta telefon paszport"]
)
def test_polish_is_not_taken_for_another_language(bundle: Bundle, text: str) -> None:
    assert Call(bundle).hears(means("card_issue", text=text)).waits().handed.language == "pl"


def test_ukrainian_has_a_short_message_and_people_of_its_own(bundle: Bundle) -> None:
    call = Call(bundle).hears(UKRAINIAN).waits()
    assert (call.handed.queue, call.handed.language) == ("ukrainian", "uk")
    assert spoken(call)[-1] == ("uk", "connect.ukrainian")


def test_an_announcement_in_two_languages_is_heard_to_its_end(bundle: Bundle) -> None:
    call = Call(bundle, conditions=Conditions((("ukrainian", 120.0),))).hears(UKRAINIAN)
    assert spoken(call)[-2:] == [("uk", "connect.ukrainian"), ("pl", "expected_wait")]
    first, second = [action.mark for action in call.actions if isinstance(action, Say)][-2:]
    assert call.dialog.handle(PromptFinished(first), WEDNESDAY_NOON) == []
    assert any(isinstance(action, HandOff) for action in call.dialog.handle(PromptFinished(second), WEDNESDAY_NOON))


@pytest.mark.parametrize("language", ["uk", "ru", "be"])
def test_its_speakers_matter_is_told_to_the_agent(bundle: Bundle, language: str) -> None:
    call = Call(bundle).hears(means("account_open", language=language, act="language")).waits()
    assert (call.handed.queue, call.handed.intent, call.handed.language) == ("ukrainian", "account_open", "uk")


def test_at_night_ukrainian_speakers_still_find_a_human(bundle: Bundle) -> None:
    call = Call(bundle, at=SATURDAY_NIGHT).hears(UKRAINIAN).waits()
    assert (call.handed.queue, call.handed.language) == ("general", "uk")
    assert spoken(call)[-1] == ("uk", "connect.general")


def test_the_offered_language_is_on_the_key_for_the_other_language(bundle: Bundle) -> None:
    assert Call(bundle, number="+380671234567").presses("81").waits().handed.queue == "ukrainian"
    assert Call(bundle).presses("82").waits().handed.queue == "ukrainian"


def test_languages_cannot_be_switched_for_ever(bundle: Bundle) -> None:
    call = Call(bundle)
    for number in range(12):
        call.hears(means(act="language", language=("en", "pl")[number % 2]))
    assert len(call.decisions("language")) <= 4


def test_a_language_named_in_passing_is_no_wish_to_change_it(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("certificates", text="potrzebuję zaświadczenie po angielsku")).waits()
    assert (call.handed.intent, call.handed.language) == ("certificates", "pl")


def test_a_language_asked_for_during_the_announcement_is_told_to_the_agent(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("fees"), ENGLISH).waits()
    assert (call.handed.queue, call.handed.language) == ("accounts", "en")


def test_a_language_nobody_speaks_here_changes_nothing(bundle: Bundle) -> None:
    call = Call(bundle).hears(means(act="language", language="de"))
    assert spoken(call)[-1] == ("pl", "ask_matter_again")
