"""Where calls go: segments, hours, switches, waits; and what is offered when nobody is there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from caller_id.types import Authentication, CallRate, NumberTrust, Segment
from dialogs import Bundle
from dialogs.engine.gate import Way, look
from dialogs.engine.steps.collecting import callable_number
from dialogs.events import Conditions, ConditionsChanged, HandOff, Switch
from tests.dialogs.calls import AGENT, MOBILE, NO, SATURDAY_NIGHT, WARSAW, WEDNESDAY_NOON, YES, Call, means

TABLE = {
    "ebanking": ("login_help", "app_problem"),
    "cards": ("card_issue", "card_limits_pin", "credit_card"),
    "accounts": (
        *("transactions", "cash_deposit", "personal_data", "currency_abroad", "fees", "certificates"),
        *("on_behalf", "account_seizure"),
    ),
    "general": ("missed_call", "child"),
    "payments": ("transfer", "blik", "standing_order"),
    "sales": ("account_open",),
    "retention": ("account_close",),
    "loans": ("cash_loan", "loan_service"),
    "mortgage": ("mortgage",),
    "savings": ("savings", "investments"),
    "insurance": ("insurance",),
    "complaints": ("complaint",),
    "sme": ("business",),
}
MATTERS = [(intent, queue) for queue, intents in TABLE.items() for intent in intents]
"""The bank's taxonomy: the default queue of every matter that people answer."""


@pytest.mark.parametrize(("intent", "queue"), MATTERS)
def test_every_matter_has_its_queue_and_the_segments_their_lines(bundle: Bundle, intent: str, queue: str) -> None:
    assert Call(bundle).hears(means(intent)).waits().handed.queue == queue
    assert Call(bundle, segment=Segment.PRIVATE_BANKING).hears(means(intent)).waits().place == ("private_banking", 6)
    assert Call(bundle, segment=Segment.SELECT).hears(means(intent)).waits().place == ("select", 4)
    assert Call(bundle, segment=Segment.SME).hears(means(intent)).waits().handed.queue == queue


def test_the_taxonomy_is_complete(bundle: Bundle) -> None:
    answered = {"balance", "branch_atm", "call_check", "other_bank", "press", "job", "accessibility"}
    answered |= {"life_danger", "card_block", "fraud_report", "document_block", "access_block"}
    assert set(bundle.routes.matters) == {intent for intent, _ in MATTERS} | answered


@pytest.mark.parametrize(
    ("trust", "authentication", "withheld", "queue"),
    [
        (NumberTrust.TRUNK, Authentication.NONE, False, "private_banking"),
        (NumberTrust.ATTESTED, Authentication.NONE, False, "private_banking"),
        (NumberTrust.NONE, Authentication.NONE, False, "savings"),
        (NumberTrust.TRUNK, Authentication.NONE, True, "savings"),
        (NumberTrust.NONE, Authentication.APP, False, "private_banking"),
    ],
)
def test_a_segment_counts_by_a_trusted_number_or_by_proof(
    bundle: Bundle, trust: NumberTrust, authentication: Authentication, withheld: bool, queue: str
) -> None:
    facts = {"authentication": authentication, "withheld": withheld}
    call = Call(bundle, segment=Segment.PRIVATE_BANKING, trust=trust, caller=facts).hears(means("savings"))
    assert call.waits().handed.queue == queue


@pytest.mark.parametrize("segment", [Segment.PRIVATE_BANKING, Segment.SELECT])
def test_who_has_an_own_line_gets_a_human_at_the_first_word(bundle: Bundle, segment: Segment) -> None:
    assert Call(bundle, segment=segment).hears(AGENT).waits().handed.queue == segment.value


SAME = means("cash_loan", "choose", choices=("cash_loan", "loan_service"), ranking=(("cash_loan", 0.4), ("loan_service", 0.3)))
OTHER = means("cash_loan", "choose", choices=("cash_loan", "mortgage"))
MESSAGE = means("balance", "choose", choices=("balance", "branch_atm"))
DANGER = means("card_issue", "choose", choices=("card_issue", "card_block"), ranking=(("card_issue", 0.8), ("card_block", 0.1)))
UNSURE = means("savings", "confirm")


@pytest.mark.parametrize(
    ("segment", "said", "asked"),
    [
        (Segment.MASS, SAME, False),
        (Segment.MASS, OTHER, True),
        (Segment.MASS, MESSAGE, True),
        (Segment.MASS, UNSURE, True),
        (Segment.PRIVATE_BANKING, OTHER, False),
        (Segment.PRIVATE_BANKING, UNSURE, False),
        (Segment.PRIVATE_BANKING, DANGER, True),
    ],
)
def test_what_the_same_people_answer_is_not_asked_about(bundle: Bundle, segment: Segment, said: object, asked: bool) -> None:
    call = Call(bundle, segment=segment).hears(said)  # type: ignore[arg-type]
    assert any(prompt.startswith(("choose", "confirm")) for prompt in call.last_said) is asked


def test_while_the_own_line_is_closed_the_matter_counts_again(bundle: Bundle) -> None:
    assert Call(bundle, at=SATURDAY_NIGHT, segment=Segment.SELECT).hears(UNSURE).last_said == ["confirm"]


def test_a_messages_matter_on_an_own_line_is_answered_by_people(bundle: Bundle) -> None:
    assert Call(bundle, segment=Segment.PRIVATE_BANKING).hears(means("balance")).waits().handed.queue == "private_banking"


# ---------------------------------------------------------------- hours


def test_at_night_a_callback_or_a_message_is_offered_with_the_time_of_opening(bundle: Bundle) -> None:
    call = Call(bundle, at=SATURDAY_NIGHT).hears(means("mortgage"))
    assert call.last_said == ["closed"]
    prompt = call.dialog.state.said[-1][0]
    assert dict(prompt.params) == {"opens_day": "day.today", "opens": "09:00"}
    assert call.hand_off is None


def test_day_and_night_someone_answers_who_wants_a_human(bundle: Bundle) -> None:
    assert Call(bundle, at=SATURDAY_NIGHT).hears(AGENT, AGENT).waits().place == ("general", 0)
    insists = Call(bundle, at=SATURDAY_NIGHT).hears(means("mortgage"), AGENT).waits()
    assert (insists.handed.queue, insists.handed.intent) == ("general", "mortgage")
    assert Call(bundle, at=SATURDAY_NIGHT).hears(means("mortgage")).presses("0").waits().handed.queue == "general"


def test_silence_at_the_closed_door_still_ends_with_a_human(bundle: Bundle) -> None:
    assert Call(bundle, at=SATURDAY_NIGHT).hears(means("mortgage")).silent(2).waits().handed.queue == "general"


def test_a_no_at_the_closed_door_is_a_goodbye(bundle: Bundle) -> None:
    call = Call(bundle, at=SATURDAY_NIGHT).hears(means("mortgage"), NO)
    assert (call.ended, call.hand_off) == ("done", None)


def test_the_customers_adviser_answers_while_the_line_is_closed(bundle: Bundle) -> None:
    evening = datetime(2026, 11, 18, 21, 0, tzinfo=WARSAW)
    call = Call(bundle, at=evening, segment=Segment.PRIVATE_BANKING).hears(means("savings"))
    assert call.waits().place == ("private_banking_adviser", 6)
    night = Call(bundle, at=SATURDAY_NIGHT, segment=Segment.PRIVATE_BANKING).hears(means("savings"))
    assert night.last_said == ["closed.private_banking"]


def test_nobody_is_served_worse_for_having_a_line_of_their_own(bundle: Bundle) -> None:
    """While it is closed they get what everybody gets: the queues that are open, at their priority, and the messages."""
    night = Call(bundle, at=SATURDAY_NIGHT, segment=Segment.SELECT)
    assert night.hears(means("login_help")).waits().place == ("ebanking", 4)
    assert Call(bundle, at=SATURDAY_NIGHT, segment=Segment.SELECT).hears(means("balance")).last_said[0] == "message.balance"


@pytest.mark.parametrize("keys", ["1", None])
def test_a_callback_at_night_is_due_when_the_queue_opens(bundle: Bundle, keys: str | None) -> None:
    call = Call(bundle, at=SATURDAY_NIGHT).hears(means("cash_loan"))
    call.presses(keys) if keys else call.hears(means(decision="reject", text="oddzwońcie"))
    assert call.last_said == ["callback_number"]
    call.hears(YES).waits()
    handed = call.handed
    assert (handed.kind, handed.queue, handed.call_back, handed.due) == ("callback", "loans", MOBILE, "2026-11-21T09:00:00+01:00")
    assert (call.last_said, call.ended) == (["callback_done.later"], "done")


def test_a_callback_that_cannot_be_booked_ends_with_a_human(bundle: Bundle) -> None:
    call = Call(bundle, at=SATURDAY_NIGHT, refuse=("loans",)).hears(means("cash_loan")).presses("11").waits()
    assert [(a.kind, a.queue) for a in call.actions if isinstance(a, HandOff)] == [("callback", "loans"), ("transfer", "general")]


def test_another_number_is_typed_and_read_back(bundle: Bundle) -> None:
    call = Call(bundle, at=SATURDAY_NIGHT).hears(means("cash_loan")).presses("1").hears(NO)
    assert call.last_said == ["callback_keys"]
    call.presses("501502503")
    assert call.last_said == ["callback_confirm"]
    assert call.dialog.state.said[-1][0].params == (("number_digits", "501502503"),)
    assert call.hears(YES).waits().handed.call_back == "+48501502503"


def test_a_number_ends_with_the_hash_key_or_a_pause_and_star_gives_up(bundle: Bundle) -> None:
    def asked() -> Call:
        return Call(bundle, number=None, at=SATURDAY_NIGHT).hears(means("cash_loan")).presses("1")

    assert asked().presses("0044209460000#").last_said == ["bad_number", "callback_keys_again"]
    assert asked().presses("00447700900123#").last_said == ["bad_number", "callback_keys_again"], "a number set aside for films"
    assert asked().presses("00442079460958#").last_said[0] in ("callback_confirm.abroad", "bad_number")
    assert asked().presses("00493012345678").silent().last_said == ["callback_confirm.abroad"]
    assert asked().presses("5*").last_said == ["message_number"]


def test_three_numbers_that_cannot_be_called_lead_to_a_message(bundle: Bundle) -> None:
    call = (
        Call(bundle, number=None, at=SATURDAY_NIGHT)
        .hears(means("cash_loan"))
        .presses("1")
        .presses("123#")
        .presses("456#")
        .presses("78#")
    )
    assert call.last_said == ["bad_number", "message_number"]


@pytest.mark.parametrize(
    ("digits", "number"),
    [
        ("501502503", "+48501502503"),
        ("48501502503", "+48501502503"),
        ("0048501502503", "+48501502503"),
        ("225551234", "+48225551234"),
        ("00493012345678", "+493012345678"),
        ("225550100", None),  # the hotline itself
        ("0048225550100", None),
        ("701123456", None),  # premium rate
        ("700123456", None),
        ("112", None),
        ("", None),
        ("000000000", None),
        ("00", None),
        ("9" * 40, None),
    ],
)
def test_which_numbers_are_called_back(bundle: Bundle, digits: str, number: str | None) -> None:
    assert callable_number(bundle, digits) == number


def test_a_message_becomes_a_case_of_the_queue(bundle: Bundle) -> None:
    call = Call(bundle, at=SATURDAY_NIGHT).hears(means("account_close")).presses("2")
    assert call.last_said == ["leave_message"]
    call.hears(means("account_open", text="proszę o kontakt w sprawie umowy")).waits()
    assert (call.handed.kind, call.handed.queue, call.handed.words) == (
        "message",
        "retention",
        "proszę o kontakt w sprawie umowy",
    )
    assert (call.last_said, call.ended) == (["message_done"], "done")


# ---------------------------------------------------------------- switches and waits


def switch(name: str, queue: str = "", prompt: str = "") -> Switch:
    return Switch(name, "dyżurny", "2026-11-18T09:00", queue, prompt)


@pytest.mark.parametrize(
    ("queue", "conditions", "way", "why"),
    [
        ("loans", Conditions(), Way.OPEN, "hours 'office'"),
        ("loans", Conditions((("loans", 480.0),)), Way.OPEN, "hours"),
        ("loans", Conditions((("loans", 481.0),)), Way.LONG_WAIT, "expected wait 481 s is above 480 s"),
        ("private_banking", Conditions((("private_banking", 181.0),)), Way.LONG_WAIT, "above 180 s"),
        ("loans", Conditions((("cards", 900.0),)), Way.OPEN, "hours"),
        ("loans", Conditions((), (switch("closure", "loans"),)), Way.CLOSED, "closed by dyżurny since 2026-11-18T09:00"),
        ("cards", Conditions((), (switch("closure", "loans"),)), Way.OPEN, "hours"),
        ("cards", Conditions((), (switch("closure"),)), Way.CLOSED, "closed by dyżurny"),
        ("cards", Conditions((), (switch("surge"),)), Way.LONG_WAIT, "surge by dyżurny"),
        ("cards", Conditions((), (switch("surge", "loans"),)), Way.OPEN, "hours"),
        ("fraud", Conditions((("fraud", 9999.0),), (switch("closure"), switch("surge"))), Way.OPEN, "emergency"),
    ],
)
def test_the_gate(bundle: Bundle, queue: str, conditions: Conditions, way: Way, why: str) -> None:
    verdict = look(bundle, conditions, queue, WEDNESDAY_NOON)
    assert verdict.way is way
    assert why in verdict.why


@pytest.mark.parametrize(("wait", "announced"), [(None, False), (30.0, False), (60.0, True), (300.0, True)])
def test_a_wait_is_announced_only_with_a_figure_worth_it(bundle: Bundle, wait: float | None, announced: bool) -> None:
    conditions = Conditions((("loans", wait),) if wait is not None else ())
    call = Call(bundle, conditions=conditions).hears(means("cash_loan"))
    assert ("expected_wait" in call.last_said) is announced
    assert call.waits().handed.kind == "transfer"


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (YES, None, "callback_number"),
        ("1", None, "callback_number"),
        (means(decision="reject", text="oddzwońcie"), None, "callback_number"),
        (NO, "transfer", "connect.loans"),
        ("2", "transfer", "connect.loans"),
        (means(decision="reject", text="poczekam"), "transfer", "connect.loans"),
    ],
)
def test_a_long_wait_offers_a_callback_that_keeps_the_place(bundle: Bundle, answer: object, kind: str | None, said: str) -> None:
    call = Call(bundle, conditions=Conditions((("loans", 900.0),))).hears(means("cash_loan"))
    assert call.last_said == ["long_wait"]
    assert call.dialog.state.said[-1][0].params == (("wait", "15"),)
    call.presses(answer) if isinstance(answer, str) else call.hears(answer)  # type: ignore[arg-type]
    assert said in call.last_said
    call.waits()
    assert (call.hand_off.kind if call.hand_off else None) == kind
    if kind is None:
        call.hears(YES)
        assert (call.handed.kind, call.handed.due) == ("callback", "")


def test_surge_announces_itself_and_offers_the_callback_first(bundle: Bundle) -> None:
    call = Call(bundle, conditions=Conditions((), (switch("surge"),)))
    assert call.said == ["greeting", "surge", "ask_matter"]
    assert call.hears(means("login_help")).last_said == ["long_wait.no_figure"]


def test_a_surge_may_have_an_announcement_of_its_own_if_it_is_approved(bundle: Bundle) -> None:
    assert Call(bundle, conditions=Conditions((), (switch("surge", prompt="outage"),))).said[1] == "outage"
    assert Call(bundle, conditions=Conditions((), (switch("surge", prompt="invented"),))).said[1] == "surge"


def test_a_closure_of_everything_announces_itself_and_leaves_a_callback(bundle: Bundle) -> None:
    call = Call(bundle, conditions=Conditions((), (switch("closure"),)))
    assert call.said == ["greeting", "closure", "ask_matter"]
    assert call.hears(means("blik")).last_said == ["closed.switched"]
    assert call.presses("11").waits().handed.kind == "callback"


def test_one_closed_queue_is_nobody_elses_business(bundle: Bundle) -> None:
    assert Call(bundle, conditions=Conditions((), (switch("closure", "loans"),))).said == ["greeting", "ask_matter"]


def test_what_changes_during_the_call_counts_from_then_on(bundle: Bundle) -> None:
    call = Call(bundle)
    assert call.dialog.handle(ConditionsChanged(Conditions((), (switch("closure", "loans"),))), WEDNESDAY_NOON) == []
    assert call.hears(means("cash_loan")).last_said == ["closed.switched"]


# ---------------------------------------------------------------- hand-offs that fail, and the caller who calls again


@pytest.mark.parametrize(
    ("refuse", "queues", "ended"),
    [
        ((), ["insurance"], "handed_over"),
        (("insurance",), ["insurance", "general"], "handed_over"),
        (("insurance", "general"), ["insurance", "general"], "apology"),
    ],
)
def test_a_refused_transfer_goes_to_the_default_queue_then_to_an_apology(
    bundle: Bundle, refuse: tuple[str, ...], queues: list[str], ended: str
) -> None:
    call = Call(bundle, refuse=refuse).hears(means("insurance")).waits()
    assert [action.queue for action in call.actions if isinstance(action, HandOff)] == queues
    assert call.ended == ended


def test_a_transfer_begins_when_its_announcement_has_been_heard(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("insurance"))
    assert call.hand_off is None
    assert call.waits().hand_off is not None


def test_the_caller_of_the_same_day_is_offered_the_last_place(bundle: Bundle) -> None:
    call = Call(bundle, last_queue="complaints")
    assert call.said == ["greeting", "same_matter"]
    assert call.hears(YES).waits().handed.queue == "complaints"
    assert Call(bundle, last_queue="complaints").hears(NO).last_said == ["ask_matter"]
    assert Call(bundle, last_queue="complaints").hears(means("savings")).waits().handed.queue == "savings"
    assert Call(bundle, last_queue="complaints").silent().last_said == ["ask_matter"]
    assert Call(bundle, last_queue="no_longer_there").said == ["greeting", "ask_matter"]
    untrusted = Call(bundle, last_queue="complaints", trust=NumberTrust.NONE)
    assert untrusted.said == ["greeting", "ask_matter"], "an unproven number is not told that it called before"


def test_the_message_is_followed_by_one_question_whether_a_human_is_wanted(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("balance"))
    assert call.last_said == ["message.balance", "after_message"]
    assert call.hears(YES).waits().place == ("accounts", 0)
    again = Call(bundle).hears(means("balance"), means("balance"))
    assert again.waits().place == ("accounts", 0), "who asks again was not helped by the message"


SLOWED = [{"barred": True}, {"too_often": CallRate(30, 3600)}]


@pytest.mark.parametrize("why", SLOWED)
def test_others_go_before_a_number_that_is_barred_or_calls_too_often(bundle: Bundle, why: dict[str, Any]) -> None:
    """Whatever their segment: the same queue, behind all others. Nobody is refused."""
    call = Call(bundle, segment=Segment.SELECT, caller=why).hears(means("savings")).waits()
    usual = Call(bundle, segment=Segment.SELECT).hears(means("savings")).waits()
    assert call.place == (usual.handed.queue, -1)
    assert usual.handed.priority > -1


@pytest.mark.parametrize("why", SLOWED)
@pytest.mark.parametrize("matter", ["card_block", "fraud_report"])
def test_an_emergency_is_never_slowed(bundle: Bundle, why: dict[str, Any], matter: str) -> None:
    assert Call(bundle, caller=why).hears(means(matter)).waits().handed.priority == 10
    assert Call(bundle, caller=why).presses("91").waits().handed.priority == 10
