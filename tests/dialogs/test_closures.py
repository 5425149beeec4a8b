"""A closure that a person throws while a transfer is being announced counts before the transfer."""

from __future__ import annotations

import pytest

from dialogs import Bundle
from dialogs.events import Conditions, ConditionsChanged, Failed, HandOff, HandOffResult, Heard, PromptFinished, Switch
from tests.dialogs.calls import AGENT, Call, means


def closure(*queues: str) -> ConditionsChanged:
    return ConditionsChanged(Conditions(switches=tuple(Switch("closure", "anna", "2026-11-18T12:00", queue) for queue in queues)))


def handed(call: Call) -> list[str]:
    return [action.queue for action in call.actions if isinstance(action, HandOff)]


def test_a_queue_closed_during_the_announcement_is_offered_a_callback_instead(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("mortgage"))
    call._happen(closure("mortgage"))
    call.waits()
    assert handed(call) == []
    assert call.dialog.state.step == "closed"
    assert call.last_said == ["closed.switched"]


@pytest.mark.parametrize("means_of_going_on", ["silence", "key"])
def test_however_the_announcement_ends(bundle: Bundle, means_of_going_on: str) -> None:
    call = Call(bundle).hears(means("mortgage"))
    call._happen(closure("mortgage"))
    call.silent() if means_of_going_on == "silence" else call.hears(means("mortgage"))
    assert (handed(call), call.dialog.state.step) == ([], "closed")


def test_whoever_asked_for_a_human_gets_the_one_on_duty(bundle: Bundle) -> None:
    call = Call(bundle).hears(AGENT, means("mortgage"))
    call._happen(closure("mortgage"))
    call.waits()
    assert handed(call)[-1] == "general"


def test_without_a_voice_the_default_queue_takes_the_call(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("mortgage"))
    call._happen(closure("mortgage"))
    call.fail(Failed("voice"))
    assert handed(call) == ["general"]


def test_an_emergency_queue_is_closed_by_nobody(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("card_block"))
    call._happen(closure("", "card_emergency"))
    assert handed(call.waits()) == ["card_emergency"]


def test_a_closed_overflow_is_passed_over(bundle: Bundle) -> None:
    queues = {**bundle.queues, "mortgage": bundle.queues["mortgage"].model_copy(update={"overflow": "loans"})}
    routes = bundle.routes.model_copy(update={"queues": queues})
    other = type(bundle)(bundle.root, bundle.version, bundle.flow, routes, bundle.prompts, bundle.calendar)
    open_one = Call(other, refuse=("mortgage",)).hears(means("mortgage")).waits()
    assert handed(open_one) == ["mortgage", "loans"]
    closed_before = Call(other, refuse=("mortgage",)).hears(means("mortgage"))
    closed_before._happen(closure("loans"))
    assert handed(closed_before.waits()) == ["mortgage", "general"]


def test_an_overflow_closed_while_it_is_announced_is_passed_over(bundle: Bundle) -> None:
    queues = {**bundle.queues, "mortgage": bundle.queues["mortgage"].model_copy(update={"overflow": "loans"})}
    routes = bundle.routes.model_copy(update={"queues": queues})
    other = type(bundle)(bundle.root, bundle.version, bundle.flow, routes, bundle.prompts, bundle.calendar)
    call = Call(other, refuse=("mortgage",)).hears(means("mortgage"))
    mark = call._speaking.pop(0)
    call.dialog.handle(_heard(mark), call._now)
    call.dialog.handle(HandOffResult(False, "mortgage", "refused"), call._now)
    call.dialog.handle(closure("loans"), call._now)
    actions = call.dialog.handle(_heard(call.dialog.state.mark), call._now)
    assert [action.queue for action in actions if isinstance(action, HandOff)] == ["general"]


def test_a_queue_closed_while_it_was_being_called_is_offered_a_callback_and_not_the_next_queue(bundle: Bundle) -> None:
    """Whoever refused closed for good: nobody is sent from queue to queue."""
    call = Call(bundle).hears(means("mortgage"))
    call.dialog.handle(_heard(call._speaking.pop(0)), call._now)
    call.dialog.handle(closure("mortgage"), call._now)
    actions = call.dialog.handle(HandOffResult(False, "mortgage", "unanswered"), call._now)
    assert call.dialog.state.step == "closed"
    assert not [action for action in actions if isinstance(action, HandOff)]


def _heard(mark: str) -> PromptFinished:
    return PromptFinished(mark)


@pytest.mark.parametrize("act", ["wait", "help", "repeat"])
def test_a_call_at_its_longest_is_not_talked_out_of_its_human(bundle: Bundle, act: str) -> None:
    """Said while "I'm putting you through" is spoken: no question comes again."""
    call = Call(bundle).waits()
    call.fail(Failed("max_length"))
    said = len(call.actions)
    call.dialog.handle(_said(act), call._now)
    call.waits()
    assert handed(call) == ["general"]
    assert [type(action).__name__ for action in call.actions[said:]].count("Say") == 0


def test_an_emergency_in_a_call_at_its_longest_still_comes_first(bundle: Bundle) -> None:
    call = Call(bundle).waits()
    call.fail(Failed("max_length"))
    call._hear("zgubiłam kartę", means("card_block"), 1.0)
    assert handed(call.waits())[-1] == "card_emergency"


def _said(act: str) -> Heard:
    return Heard("(słowa)", understanding=means(act=act))
