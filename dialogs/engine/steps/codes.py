"""A code that the bank's app shows, typed as keys: a right one tells who calls, and the talk goes on where it was. The digits are
never here.
"""

from __future__ import annotations

from caller_id.types import Authentication, Caller
from dialogs.data.flow import Menu, Question
from dialogs.engine.state import Phase
from dialogs.engine.steps import asking, languages
from dialogs.engine.steps.confirming import OTHER_CUSTOMER
from dialogs.engine.turn import Turn
from dialogs.events import CheckCode, CodeResult, CodeTyped

TRIES, UNAVAILABLE = "tries", "unavailable"
ASKED = "asked"
"""The wording for whoever was asked for the code."""


def typed(turn: Turn, step: Question | Menu, event: CodeTyped) -> str | None:
    """A number was typed where a code may be: have it checked, unless it can be none."""
    state = turn.state
    if state.authentication is Authentication.APP:
        return _goes_on(turn, step)
    if state.codes_spent:
        return asking.no_match(turn, step)
    if not event.whole:
        turn.decide("code", "the number is not as long as a code")
        turn.say(turn.bundle.flow.says.code_not_whole)
        return asking.no_match(turn, step)
    state.code_checked = True
    turn.decide("code", "typed")
    turn.actions.append(CheckCode())
    return None


def ended(turn: Turn, event: CodeResult) -> None:
    """Keep what came of it, whatever the call is doing meanwhile."""
    state = turn.state
    state.code_checked = False
    if event.caller is not None:
        _take_over(turn, event.caller)
        turn.decide("code", f"accepted, level {event.caller.level}")
        turn.tried("code_accepted")
        state.tell("confirmed", "app_code")
        return
    state.codes_spent = event.reason == TRIES
    turn.decide("code", f"refused: {event.reason}")
    turn.tried(f"code_refused:{event.reason}")
    state.tell("not_confirmed", "app_code")


def following(turn: Turn, step: Question | Menu, event: CodeResult) -> str | None:
    """Say what came of it. A code that was right, or will not be had, leads on; after any other the caller is listened to."""
    says = turn.bundle.flow.says
    if event.caller is not None:
        return _goes_on(turn, step)
    if event.reason in (TRIES, UNAVAILABLE):
        turn.say(says.code_unavailable if event.reason == UNAVAILABLE else says.code_spent)
        return asking.ask(turn, step, after="hold") if _is_own(turn, step) else step.spent
    turn.say(says.code_wrong, None if _is_own(turn, step) else ASKED)
    asking.listen(turn, step)
    return None


def _goes_on(turn: Turn, step: Question | Menu) -> str | None:
    """Where the talk was, or to the step that the code leads to."""
    if not _is_own(turn, step):
        return step.code
    turn.say(turn.bundle.flow.says.code_accepted)
    return asking.ask(turn, step, after="hold")  # who typed a code has not been asked in vain


def _is_own(turn: Turn, step: Question | Menu) -> bool:
    return step.code == turn.state.step


def _take_over(turn: Turn, caller: Caller) -> None:
    """Who the app says it is takes the place of whom the number suggested."""
    state = turn.state
    suggested = state.caller.customer_ref
    state.caller, state.authentication, state.app_proof = caller, Authentication.APP, True
    state.segment = state.segment if state.line_segment else caller.segment
    if suggested not in (None, caller.customer_ref):
        turn.decide(OTHER_CUSTOMER, "the code is of another customer than the number suggests")
        turn.tried(OTHER_CUSTOMER)
        state.last_queue = None
    if state.phase in (Phase.LISTENING, Phase.WAITING) and not state.turns:
        _speak_as_the_app(turn, caller.language)


def _speak_as_the_app(turn: Turn, language: str | None) -> None:
    """Whoever has not said a word yet is spoken to as in their app."""
    rule = turn.bundle.routes.languages
    language = rule.same_as.get(language, language) if language else None
    if language in turn.bundle.routes.lines[turn.state.line].languages:
        languages.switch(turn, str(language))
