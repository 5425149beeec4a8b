"""Emergencies: at any hour, for anyone, at any step, with one confirmation at most."""

from __future__ import annotations

import pytest

from caller_id.types import Segment
from dialogs import Bundle
from dialogs.events import Conditions, Failed, HandOff, Listen, Say, Switch
from tests.dialogs.calls import AGENT, NO, NONSENSE, SATURDAY_NIGHT, WEDNESDAY_NOON, YES, Call, means

PLACES = {"card_block": "card_emergency", "fraud_report": "fraud", "document_block": "fraud", "access_block": "fraud"}


@pytest.mark.parametrize(("intent", "queue"), PLACES.items())
@pytest.mark.parametrize("at", [WEDNESDAY_NOON, SATURDAY_NIGHT])
@pytest.mark.parametrize("segment", Segment)
def test_the_first_words_that_show_one_go_straight_to_its_queue(
    bundle: Bundle, intent: str, queue: str, at: object, segment: Segment
) -> None:
    call = Call(bundle, at=at, segment=segment).hears(means(intent))  # type: ignore[arg-type]
    assert call.waits().place == (queue, 10)
    assert call.handed.segment == ("unknown" if segment is Segment.MASS else segment.value)
    assert call.said == ["greeting", "ask_matter", f"connect.{queue}"], "no question and no notice stands between"


def test_the_announcement_cannot_be_talked_over(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("card_block"))
    last = [action for action in call.actions if isinstance(action, Say)][-1]
    assert not last.barge_in
    assert not any(isinstance(action, Listen) for action in call.exchanges[-1].actions)


def test_whoever_does_talk_over_it_is_put_through_at_once(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("card_block"))
    call.interrupt()
    assert call.place == ("card_emergency", 10)


@pytest.mark.parametrize(
    "answer",
    [
        YES,
        NONSENSE,
        AGENT,
        means("card_issue"),
        means("loans", "reject"),
    ],
    ids=lambda answer: answer.text,
)
def test_a_likely_one_is_asked_about_once_and_only_a_clear_no_stops_it(bundle: Bundle, answer: object) -> None:
    call = Call(bundle).hears(means("card_block", "confirm"))
    assert call.last_said == ["confirm_emergency.card_block"]
    call.hears(answer)  # type: ignore[arg-type]
    assert call.waits().place == ("card_emergency", 10)


@pytest.mark.parametrize("key", list("13456789*0"))
def test_any_key_but_the_one_for_no_means_yes(bundle: Bundle, key: str) -> None:
    call = Call(bundle).hears(means("access_block", "confirm")).presses(key)
    assert bundle.queues[call.waits().handed.queue].emergency


@pytest.mark.parametrize("answer", [means(act="repeat"), means(act="wait"), "#"])
def test_whoever_did_not_hear_the_question_is_asked_it_once_more(bundle: Bundle, answer: object) -> None:
    call = Call(bundle).hears(means("card_block", "confirm"))
    for _ in range(2):
        call.presses(answer) if isinstance(answer, str) else call.hears(answer)  # type: ignore[arg-type]
    assert call.said.count("confirm_emergency.card_block") == 2
    assert call.waits().place == ("card_emergency", 10)


def test_a_farewell_says_that_it_is_not_urgent(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("card_block", "confirm"), means(act="goodbye", text="a to nie, dziękuję, do widzenia"))
    assert (call.ended, call.hand_off) == ("goodbye", None)


def test_silence_means_yes(bundle: Bundle) -> None:
    assert Call(bundle).hears(means("access_block", "confirm")).silent().waits().place == ("fraud", 10)


def test_a_clear_no_is_believed_by_word_and_by_key(bundle: Bundle) -> None:
    for call in (
        Call(bundle).hears(means("card_block", "confirm"), NO),
        Call(bundle).hears(means("card_block", "confirm")).presses("2"),
    ):
        assert call.last_said == ["not_emergency", "ask_matter_again"]
        call.hears(means("savings"))
        assert call.waits().place == ("savings", 0)


def test_a_no_with_another_matter_goes_to_that_matter(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("card_block", "confirm"), means("card_limits_pin", act="deny"))
    assert call.waits().place == ("cards", 0)


def test_a_no_with_another_emergency_goes_to_that_one(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("card_block", "confirm"), means("document_block", act="deny"))
    assert call.waits().place == ("fraud", 10)
    assert call.handed.intent == "document_block"


def test_what_was_denied_is_not_asked_about_again(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("card_block", "confirm"), NO, means("card_block", "confirm", ranking=(("card_block", 0.5),)))
    assert "confirm_emergency.card_block" not in call.last_said


def test_what_was_denied_and_is_then_said_plainly_counts(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("card_block", "confirm"), NO, means("card_block", text="o nie, jednak mi ją ukradli"))
    assert call.waits().place == ("card_emergency", 10)


def test_the_same_words_again_after_a_no_are_no_new_emergency(bundle: Bundle) -> None:
    said = means("access_block", "confirm", text="wyrzuca mnie z banku", ranking=(("access_block", 0.6), ("login_help", 0.3)))
    again = means("access_block", text="wyrzuca mnie z banku", ranking=(("access_block", 0.7), ("login_help", 0.3)))
    call = Call(bundle).hears(said, NO, again)
    assert call.waits().place == ("ebanking", 0)


def test_one_likely_among_others_is_offered_first_and_picking_another_is_believed(bundle: Bundle) -> None:
    choose = means(
        "card_issue",
        "choose",
        confidence=0.5,
        choices=("card_issue", "card_block"),
        ranking=(("card_issue", 0.5), ("card_block", 0.4)),
    )
    asked = Call(bundle).hears(choose)
    assert asked.last_said == ["choose_emergency.two"]
    assert asked.dialog.state.candidates == ("card_block", "card_issue")
    assert Call(bundle).hears(choose).presses("1").waits().place == ("card_emergency", 10)
    assert Call(bundle).hears(choose).presses("2").waits().place == ("cards", 0)
    assert Call(bundle).hears(choose, means("card_issue", "confirm")).waits().place == ("cards", 0)
    assert Call(bundle).hears(choose).silent().last_said == ["choose_emergency.two"]
    assert Call(bundle).hears(choose).silent(2).waits().place == ("card_emergency", 10)
    assert Call(bundle).hears(choose).presses("3").last_said == ["not_emergency", "ask_matter_again"]


def test_an_unlikely_one_among_others_is_a_choice_like_any_other(bundle: Bundle) -> None:
    choose = means(
        "card_issue",
        "choose",
        confidence=0.8,
        choices=("card_block", "card_issue"),
        ranking=(("card_issue", 0.8), ("card_block", 0.13)),
    )
    call = Call(bundle).hears(choose)
    assert call.last_said == ["choose.two"]
    assert call.presses(str(call.dialog.state.candidates.index("card_block") + 1)).waits().place == ("card_emergency", 10)


@pytest.mark.parametrize(
    "before",
    [
        ("hears", means("cash_loan", "confirm")),
        ("hears", means("balance")),
        ("hears", AGENT),
        ("hears", means(act="wait")),
        ("presses", "*"),
        ("presses", "85"),
        ("silent", 2),
    ],
    ids=["confirming", "after a message", "agent offered", "waiting", "menu", "keys only", "menu after silence"],
)
def test_it_is_understood_at_every_step(bundle: Bundle, before: tuple[str, object]) -> None:
    call = Call(bundle)
    getattr(call, before[0])(before[1])
    assert call.hears(means("fraud_report")).waits().place == ("fraud", 10)


def test_it_is_understood_in_the_announcement_of_another_transfer(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("cash_loan"), means("card_block"))
    assert call.waits().place == ("card_emergency", 10)


@pytest.mark.parametrize(
    ("keys", "intent"), [("91", "card_block"), ("92", "fraud_report"), ("93", "document_block"), ("94", "access_block")]
)
@pytest.mark.parametrize("without", [(), ("recogniser",), ("recogniser", "classifier")])
def test_the_fixed_key_works_from_the_first_second_whatever_is_out_of_order(
    bundle: Bundle, keys: str, intent: str, without: tuple[str, ...]
) -> None:
    call = Call(bundle, without=without).presses(keys)
    assert call.waits().place == (PLACES[intent], 10)
    assert call.handed.intent == intent


def test_after_the_fixed_key_a_correction_is_heard(bundle: Bundle) -> None:
    call = Call(bundle).presses("9").hears(means("balance", act="deny"))
    assert "message.balance" in call.last_said


def test_a_failing_recogniser_during_the_question_puts_the_caller_through(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("card_block", "confirm"))
    call.fail(Failed("recogniser"))
    assert call.waits().place == ("card_emergency", 10)


@pytest.mark.parametrize("stage", ["voice", "max_length"])
def test_a_suspected_one_decides_where_a_broken_call_goes(bundle: Bundle, stage: str) -> None:
    call = Call(bundle).hears(means("card_block", "confirm"))
    call.fail(Failed(stage))
    assert call.waits().place == ("card_emergency", 10)


def test_no_switch_closes_an_emergency_queue(bundle: Bundle) -> None:
    everything = Switch("closure", "dyżurny", "2026-11-18T09:00")
    card = Switch("closure", "dyżurny", "2026-11-18T09:00", "card_emergency")
    call = Call(bundle, conditions=Conditions((("card_emergency", 3600.0),), (everything, card)))
    assert call.hears(means("card_block")).waits().place == ("card_emergency", 10)


def test_when_its_queue_fails_the_other_security_team_then_anyone_then_an_apology_with_the_way_out(bundle: Bundle) -> None:
    call = Call(bundle, refuse=("card_emergency", "fraud", "general")).hears(means("card_block")).waits()
    assert [action.queue for action in call.actions if isinstance(action, HandOff)] == ["card_emergency", "fraud", "general"]
    assert [action.priority for action in call.actions if isinstance(action, HandOff)] == [10, 10, 10]
    assert call.last_said == ["apology.emergency"]
    assert call.ended == "apology"


def test_the_second_matter_is_kept_for_the_agent(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("balance", second="card_block")).waits()
    assert (call.handed.intent, call.handed.second) == ("card_block", "balance")


def test_in_another_language_the_agent_is_told_which(bundle: Bundle) -> None:
    english = Call(bundle).hears(means("card_block", language="en", act="language")).waits()
    assert (english.place, english.handed.language) == (("card_emergency", 10), "en")
    ukrainian = Call(bundle).hears(means("card_block", language="uk", act="language")).waits()
    assert (ukrainian.place, ukrainian.handed.language) == (("card_emergency", 10), "uk")
    assert [action.language for action in ukrainian.actions if isinstance(action, Say)][-1] == "uk"


def test_the_emergency_key_stops_an_ordinary_transfer_and_not_one_of_its_own(bundle: Bundle) -> None:
    """While it is announced."""
    stopped = Call(bundle).hears(means("cash_loan")).presses("9").waits()
    assert stopped.place == ("card_emergency", 10)
    again = Call(bundle).presses("99").waits()
    assert again.place == ("card_emergency", 10)
    assert len(again.decisions("emergency")) == 1


def test_silence_and_thanks_leave_a_weak_suspicion_open_once(bundle: Bundle) -> None:
    weak = means("card_block", "confirm", confidence=0.3)
    asked = ["confirm_emergency.card_block"]
    assert Call(bundle).hears(weak).silent().last_said == asked
    assert Call(bundle).hears(weak).silent(2).waits().place == ("card_emergency", 10)
    thanks = means(act="goodbye", text="no to dziękuję")
    assert Call(bundle).hears(weak, thanks).last_said == asked
    assert Call(bundle).hears(weak, thanks, NO).last_said == ["not_emergency", "ask_matter_again"]


def test_a_faint_sign_of_another_emergency_is_no_answer_of_its_own(bundle: Bundle) -> None:
    likely, faint = means("card_block", "confirm", confidence=0.6), means("access_block", "confirm", confidence=0.12)
    assert Call(bundle).hears(likely, faint).waits().handed.intent == "card_block"


def test_a_certain_matter_outweighs_a_doubtful_emergency(bundle: Bundle) -> None:
    certain = means("personal_data", confidence=0.99)
    assert Call(bundle).hears(means("fraud_report", "confirm", confidence=0.6), certain).waits().place == ("accounts", 0)
    assert Call(bundle).hears(means("fraud_report", "confirm", confidence=0.8), certain).waits().place == ("fraud", 10)


def test_a_number_alone_tells_nothing(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("document_block", text="mój pesel to <pesel>"))
    assert call.last_said == ["confirm_emergency.document_block"]
    assert Call(bundle).hears(means("fees", text="<digits>")).last_said == ["ask_matter"]


def test_what_did_not_happen_is_asked_about_and_not_acted_on(bundle: Bundle) -> None:
    polish = means("fraud_report", text="nikt mnie nie oszukał tylko zamykam konto")
    english = means("fraud_report", text="nobody has scammed me i want to leave your bank")
    assert Call(bundle).hears(polish).last_said == ["confirm_emergency.fraud_report"]
    assert Call(bundle, language="en").hears(english).last_said == ["confirm_emergency.fraud_report"]
    assert Call(bundle).hears(means("fraud_report", text="oszukali mnie na olx")).last_said == ["connect.fraud"]
