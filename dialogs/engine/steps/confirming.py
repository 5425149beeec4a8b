"""The caller proves in the bank's app who they are: two words are said, the app shows them, and meanwhile the caller may do
anything else, or go on without.
"""

from __future__ import annotations

from dataclasses import replace

from caller_id.types import Authentication, Segment
from dialogs.data.flow import SKIP, Confirmation
from dialogs.engine.readings import words
from dialogs.engine.readings.answers import Answer, Means
from dialogs.engine.readings.commands import NO_RECORDING, content
from dialogs.engine.state import Phase
from dialogs.engine.steps import comfort, languages
from dialogs.engine.turn import Turn
from dialogs.events import AuthorisationAsked, AuthorisationResult, Authorise, Expect

MOST_REQUESTS = 2
LONGEST_NO = 3  # words of content in a no that is only a no
OTHER_CUSTOMER = "other_customer"
_MATTERS = (Means.MATTER, Means.UNSURE, Means.SEVERAL)


def begin(turn: Turn, step: Confirmation) -> None:
    """Have the app asked. Whoever has proven who they are hears nothing of it: there is only something to look up."""
    state = turn.state
    state.requests += 1
    state.pair = ""
    state.silences = state.misses = 0
    if state.authentication is Authentication.APP:
        turn.speak()
        state.phase = Phase.AUTHORISING
    else:
        for prompt_id in step.tell:
            turn.say(prompt_id)
        _listen(turn)
        state.tell("asked", "app_confirmation")
    purpose = state.matter.intent if state.matter else None
    turn.actions.append(Authorise(purpose or "call", state.language))


def asked(turn: Turn, step: Confirmation, event: AuthorisationAsked) -> None:
    """The app shows the words: say them twice."""
    turn.state.pair, turn.state.pair_language = event.words, event.language
    turn.decide("authorisation", "the app asks")
    _say_pair(turn, step)
    _listen(turn)


def answered(turn: Turn, step: Confirmation, answer: Answer) -> str | None:
    """What the caller says or presses meanwhile; the next step when they would rather go on without the app. Emergencies have
    been dealt with before.
    """
    match answer.means:
        case Means.NO if _is_only_no(turn, answer) or turn.state.misses:
            return leave(turn, step, "the caller said no")
        case Means.OPTION if answer.option == SKIP:
            return leave(turn, step, "the caller would rather not")
        case Means.AGENT:
            turn.state.wants_human = True
            turn.tried("asked_for_human")
            return leave(turn, step, "asked for a human")
        case Means.GOODBYE:
            return turn.bundle.flow.anywhere.goodbye
        case Means.MATTER:
            turn.state.keep(answer.intent, answer.second)
            _wait_on(turn, step)
        case Means.REPEAT | Means.HELP | Means.NO:
            turn.state.misses += answer.means is Means.NO
            _help(turn, step, repeat=answer.means is Means.REPEAT)
        case Means.LANGUAGE:
            languages.switch(turn, answer.option)
            _help(turn, step, repeat=True)
        case Means.COMMAND:
            return _obey(turn, step, answer.option)
        case _:
            _wait_on(turn, step)
    return None


def leads_elsewhere(answer: Answer) -> bool:
    """The call is about something else after all, or goes back to the menu."""
    return answer.means in (Means.MENU, Means.STEP) or (answer.means in _MATTERS and answer.correction)


def silent(turn: Turn, step: Confirmation) -> None:
    """Nothing said for a while: a word that we wait, and the two words once more, in turn."""
    state = turn.state
    state.silences += 1
    if state.silences % 2:
        _wait_on(turn, step)
    else:
        _help(turn, step, repeat=True)


def resume(turn: Turn, step: Confirmation) -> None:
    """The call was on hold: whoever listens now hears the two words."""
    _help(turn, step, repeat=True)


def leave(turn: Turn, step: Confirmation, why: str) -> str:
    """On without the app. What it still says before the transfer counts."""
    turn.decide("authorisation", f"not waited for: {why}")
    turn.tried("not_authorised:left")
    return step.then


def ended(turn: Turn, event: AuthorisationResult) -> None:
    """Keep what the app said, whatever the call is doing meanwhile."""
    state = turn.state
    if event.confirmed:
        state.authentication = Authentication.APP
        state.segment = state.segment if state.line_segment else state.caller.segment
        state.advisor = event.advisor
        turn.decide("authorisation", "confirmed in the app" + (f", level {event.level}" if event.level else ""))
        turn.tried("authorised")
        state.tell("confirmed", "app_confirmation")
        return
    turn.decide("authorisation", f"not confirmed: {event.reason}")
    turn.tried(f"not_authorised:{event.reason}" if event.reason else "not_authorised")
    state.tell("denied" if event.reason == "refused" else "not_confirmed", "app_confirmation")
    if event.reason == OTHER_CUSTOMER:
        _forget_the_number(turn)


def following(turn: Turn, step: Confirmation, event: AuthorisationResult) -> str:
    """The step that the result leads to."""
    how = "confirmed" if event.confirmed else event.reason
    if how == "expired" and turn.state.requests >= MOST_REQUESTS:
        return step.then
    return {str(name): target for name, target in step.answers.items()}.get(how, step.then)


def _forget_the_number(turn: Turn) -> None:
    """Somebody else holds the telephone than its number suggests: what is known of its owner is no hint any more."""
    state = turn.state
    turn.decide(OTHER_CUSTOMER, "the app answered for another customer than the number suggests")
    state.trusted = False
    state.caller = replace(state.caller, customer_ref=None, segment=Segment.MASS, tenure_years=None)
    if not state.line_segment:
        state.segment = Segment.MASS


def _is_only_no(turn: Turn, answer: Answer) -> bool:
    """A no that goes on ("no, I can't see anything there") is a question for help first."""
    return answer.by == "key" or len(content(turn.bundle, turn.state.language, answer.text)) <= LONGEST_NO


def _obey(turn: Turn, step: Confirmation, command: str) -> str | None:
    """Commands that make the call easier are obeyed; what leads elsewhere waits until this is over."""
    says = turn.bundle.flow.says
    if command == "wrong_number":
        return turn.bundle.flow.anywhere.goodbye
    if command == NO_RECORDING:
        comfort.stop_recording(turn)
        turn.say(says.recording_stopped)
    elif command == comfort.ABOUT_BOT:
        turn.say(says.who)
    elif command in ("slow", "patient"):
        turn.remember(command)
        turn.say({"slow": says.slower, "patient": says.patient}[command])
        _help(turn, step, repeat=True)
        return None
    elif command in (words.URGENT, "angry"):
        turn.state.wants_human = True
        return leave(turn, step, f"the caller is {command}")
    _wait_on(turn, step)
    return None


def _help(turn: Turn, step: Confirmation, *, repeat: bool) -> None:
    if not repeat:
        turn.say(step.help)
    _say_pair(turn, step)
    _listen(turn)


def _wait_on(turn: Turn, step: Confirmation) -> None:
    """We wait, with the next wording each time."""
    state = turn.state
    said = state.asked["confirmation:waiting"]
    state.asked["confirmation:waiting"] += 1
    turn.say(step.waiting[min(said, len(step.waiting) - 1)])
    _listen(turn)


def _say_pair(turn: Turn, step: Confirmation) -> None:
    """Twice, in the language of the app's request; nothing while the app does not show it yet."""
    state = turn.state
    if not state.pair:
        turn.say(step.waiting[0])
        return
    turn.say(step.words)
    turn.say(step.pair, language=state.pair_language)
    turn.say(step.again)
    turn.say(step.pair, language=state.pair_language)
    turn.say(step.close)


def _listen(turn: Turn) -> None:
    turn.listen(Expect.OPEN, Phase.AUTHORISING)
