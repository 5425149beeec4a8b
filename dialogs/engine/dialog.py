"""The conversation of one call: an event and the time come in, actions come out. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from dialogs.data.bundle import Bundle
from dialogs.data.flow import Collect, Confirmation, Connect, Menu, Question, Step
from dialogs.engine import routing
from dialogs.engine.readings import keys, words
from dialogs.engine.readings.answers import Answer, Means
from dialogs.engine.routing import queue_for
from dialogs.engine.state import CallState, Phase, Target
from dialogs.engine.steps import asking, codes, confirming, handing, languages, notices, reactions, wishes
from dialogs.engine.steps import collecting as numbers
from dialogs.engine.steps.comfort import PREFERENCES
from dialogs.engine.steps.failures import failed
from dialogs.engine.steps.walk import go
from dialogs.engine.turn import Turn
from dialogs.events import (
    Action,
    AuthorisationAsked,
    AuthorisationResult,
    CallStarted,
    CodeResult,
    CodeTyped,
    ConditionsChanged,
    Decided,
    Event,
    Failed,
    HandOff,
    HandOffResult,
    HangUp,
    Heard,
    HungUp,
    Interrupted,
    KeyPressed,
    Prompt,
    PromptFinished,
    Resumed,
    Say,
    Silence,
)

APOLOGY = "apology"
"""The prompt that apologises; the flow's linter asks every bundle for it, and the voice has words of its own for it."""
MOST_EVENTS = 1000  # of a call; a healthy one has a few dozen


class Dialog:
    """One call's conversation. `handle` never raises and always leads on: to a queue, a message or a goodbye."""

    def __init__(self, bundle: Bundle, *, call_id: str) -> None:
        self.bundle = bundle
        self.state = CallState(call_id)

    def handle(self, event: Event, now: datetime) -> list[Action]:
        """What to do about this event, which happened at `now` (aware). After the end of the call: nothing."""
        if self.state.ended:
            return []
        turn = Turn(self.bundle, self.state, now)
        try:
            self._take(turn, event)
            turn.speak()
        except Exception as error:
            return self._rescue(event, error)
        return turn.actions

    def _take(self, turn: Turn, event: Event) -> None:
        state = self.state
        counts = not isinstance(event, ConditionsChanged | HungUp) and not (isinstance(event, Heard) and not event.final)
        state.events += counts
        if counts and state.events > MOST_EVENTS and state.phase is not Phase.HANDING_OFF:
            self._enough(turn, f"more than {MOST_EVENTS} events in one call")
            return
        match event:
            case CallStarted():
                self._start(turn, event)
            case Heard():
                if event.final:
                    self._heard(turn, event)
            case KeyPressed():
                self._key(turn, event)
            case Silence():
                self._silence(turn)
            case PromptFinished():
                self._finished(turn, event)
            case Interrupted():
                self._interrupted(turn, event)
            case HandOffResult():
                go(turn, handing.take_result(turn, event))
            case AuthorisationAsked():
                self._asked_in_app(turn, event)
            case AuthorisationResult():
                self._authorised(turn, event)
            case CodeTyped():
                self._code_typed(turn, event)
            case CodeResult():
                self._code_checked(turn, event)
            case Failed():
                go(turn, failed(turn, event))
            case ConditionsChanged():
                state.conditions = event.conditions
            case Resumed():
                self._resumed(turn, event)
            case HungUp():
                turn.decide("ended", f"hung up by {event.by} at {state.step}")
                state.phase = Phase.ENDED
            case _:
                assert_never(event)

    # ------------------------------------------------------------ the call starts

    def _start(self, turn: Turn, event: CallStarted) -> None:
        state, routes = self.state, self.bundle.routes
        if state.phase is not Phase.NEW:
            return
        state.begun = turn.now
        state.line = event.line if event.line in routes.lines else next(iter(routes.lines))
        line = routes.lines[state.line]
        state.caller, state.channel, state.conditions = event.caller, event.channel, event.conditions
        state.authentication, state.app_proof, state.codes = event.caller.authentication, event.app_proof, event.code
        state.last_queue, state.recorded = event.last_queue, event.recorded
        state.preferences = frozenset(event.preferences) & frozenset(PREFERENCES)
        state.without = frozenset(event.without)
        state.language, state.offered_language = languages.choose_at_start(self.bundle, event, state.line)
        state.trusted = event.caller.trust in routes.segment_from and not event.caller.withheld
        state.line_segment = line.segment is not None
        state.segment = line.segment or (event.caller.segment if state.recognised else state.segment)
        state.notices_due = notices.at_start(self.bundle, recorded=event.recorded)
        turn.decide("start", f"line {state.line}, segment {state.segment.value}, language {state.language}")
        if "voice" in state.without:
            go(turn, failed(turn, Failed("voice")))
            return
        if state.deaf and "keys" not in state.preferences:
            turn.tried("no_recogniser")
        go(turn, line.start or self.bundle.flow.start)

    # ------------------------------------------------------------ the caller speaks, presses, or is silent

    def _answered(self, turn: Turn, read: Callable[[Step], Answer]) -> None:
        state = self.state
        if state.phase in (Phase.NEW, Phase.HANDING_OFF):
            return
        state.turns += 1
        if handing.over_limit(turn):
            self._enough(turn, f"more than {self.bundle.flow.limits.turns} turns")
            return
        answer = read(self.bundle.flow.steps[state.step])
        urgent = answer.means in (Means.EMERGENCY, Means.EMERGENCY_UNSURE, Means.SECURITY)
        if state.phase is Phase.ANNOUNCING and state.too_long and not urgent:
            return
        step = self.bundle.flow.steps[state.step]
        elsewhere = urgent or confirming.leads_elsewhere(answer)
        if state.phase is Phase.AUTHORISING and isinstance(step, Confirmation) and not elsewhere:
            go(turn, confirming.answered(turn, step, answer))
            return
        go(turn, reactions.react(turn, answer))

    def _heard(self, turn: Turn, event: Heard) -> None:
        """Words: noted for the agent, searched for wishes, and then for an answer."""
        state, step = self.state, self.bundle.flow.steps.get(self.state.step)
        if state.phase in (Phase.NEW, Phase.HANDING_OFF):
            return
        wishes.hear(turn, event)
        if state.phase is Phase.COLLECTING and isinstance(step, Collect) and event.number:
            go(turn, numbers.take_number(turn, step, event.number))
            return
        self._answered(turn, lambda asked: words.read(self.bundle, state, asked, event))

    def _enough(self, turn: Turn, why: str) -> None:
        """The call has gone on for too long: to whoever is being announced, else to someone who is there."""
        turn.decide("human", why)
        if self.state.phase is not Phase.ANNOUNCING:
            routing.aim_at_someone(turn, "limit")
        go(turn, handing.hand_off(turn))

    def _key(self, turn: Turn, event: KeyPressed) -> None:
        step = self.bundle.flow.steps.get(self.state.step)
        if event.key not in keys.ALL:
            return
        if self.state.phase is Phase.COLLECTING and isinstance(step, Collect):
            go(turn, numbers.take_key(turn, step, event.key))
            return
        self._answered(turn, lambda step: keys.read(self.bundle, self.state, step, event.key))

    def _silence(self, turn: Turn) -> None:
        state = self.state
        step = self.bundle.flow.steps.get(state.step)
        if state.phase is Phase.ANNOUNCING:
            go(turn, handing.hand_off(turn))
        elif state.phase is Phase.COLLECTING and isinstance(step, Collect):
            go(turn, numbers.take_timeout(turn, step))
        elif state.phase is Phase.WAITING:
            self._come_back(turn, step)
        elif state.phase is Phase.AUTHORISING and isinstance(step, Confirmation):
            confirming.silent(turn, step)
        elif state.phase is Phase.LISTENING:
            self._answered(turn, lambda _: Answer(Means.SILENCE))

    def _come_back(self, turn: Turn, step: Step | None) -> None:
        """The moment the caller asked for is over."""
        turn.say(self.bundle.flow.says.back)
        if isinstance(step, Question | Menu):
            go(turn, asking.ask(turn, step, after="resume"))
        elif isinstance(step, Connect):
            go(turn, handing.announce(turn, step))

    def _resumed(self, turn: Turn, event: Resumed) -> None:
        """The call was on hold: whoever listens now hears the question, or the announcement, again. No try of the caller's."""
        for mark in event.cut_off:
            notices.cut_off(turn, mark, 0.0)
        step = self.bundle.flow.steps.get(self.state.step)
        match self.state.phase:
            case Phase.LISTENING | Phase.WAITING if isinstance(step, Question | Menu):
                go(turn, asking.ask(turn, step, after="hold"))
            case Phase.LISTENING | Phase.WAITING | Phase.ANNOUNCING if isinstance(step, Connect):
                go(turn, handing.announce(turn, step))
            case Phase.COLLECTING if isinstance(step, Collect):
                go(turn, asking.collect(turn, step))
            case Phase.LISTENING | Phase.WAITING | Phase.ANNOUNCING | Phase.COLLECTING:
                go(turn, handing.hand_off(turn))
            case Phase.AUTHORISING if isinstance(step, Confirmation):
                confirming.resume(turn, step)
            case Phase.NEW | Phase.HANDING_OFF | Phase.AUTHORISING | Phase.ENDED:
                pass  # nobody was asked anything
            case _:
                assert_never(self.state.phase)

    # ------------------------------------------------------------ what the edges report

    def _finished(self, turn: Turn, event: PromptFinished) -> None:
        notices.heard(turn, event.mark)
        if self.state.phase is Phase.ANNOUNCING and event.mark == self.state.mark:
            go(turn, handing.hand_off(turn))

    def _interrupted(self, turn: Turn, event: Interrupted) -> None:
        notices.cut_off(turn, event.mark, event.played_s)
        if self.state.phase is not Phase.ANNOUNCING or event.mark != self.state.mark:
            return
        step = self.bundle.flow.steps[self.state.step]
        if self.state.refused or not isinstance(step, Connect) or not step.barge_in:
            go(turn, handing.hand_off(turn))

    def _asked_in_app(self, turn: Turn, event: AuthorisationAsked) -> None:
        step = self.bundle.flow.steps.get(self.state.step)
        if self.state.phase is Phase.AUTHORISING and isinstance(step, Confirmation):
            confirming.asked(turn, step, event)

    def _authorised(self, turn: Turn, event: AuthorisationResult) -> None:
        """The proof counts until the call is handed over, also for a caller who did not wait for it."""
        state, step = self.state, self.bundle.flow.steps.get(self.state.step)
        if state.phase in (Phase.NEW, Phase.HANDING_OFF) or not state.requests:
            return
        confirming.ended(turn, event)
        if state.phase is Phase.AUTHORISING and isinstance(step, Confirmation):
            go(turn, confirming.following(turn, step, event))

    def _code_typed(self, turn: Turn, event: CodeTyped) -> None:
        step = self._takes_code()
        if step is not None and self.state.codes and not self.state.code_checked:
            go(turn, codes.typed(turn, step, event))

    def _code_checked(self, turn: Turn, event: CodeResult) -> None:
        """A code that was right counts until the call is handed over, wherever the call is by then."""
        if self.state.phase in (Phase.NEW, Phase.HANDING_OFF) or not self.state.code_checked:
            return
        codes.ended(turn, event)
        step = self._takes_code()
        if step is not None:
            go(turn, codes.following(turn, step, event))

    def _takes_code(self) -> Question | Menu | None:
        """The step that listens, if a code may be typed at it."""
        step = self.bundle.flow.steps.get(self.state.step)
        listens = self.state.phase in (Phase.LISTENING, Phase.WAITING)
        return step if listens and isinstance(step, Question | Menu) and step.code is not None else None

    # ------------------------------------------------------------ when all else fails

    def _rescue(self, event: Event, error: Exception) -> list[Action]:
        """A mistake in the engine or the bundle must not cost the caller the call: the safest queue, at once."""
        state, bundle = self.state, self.bundle
        why = Decided("error", f"{type(error).__name__} at step '{state.step}': {error}")
        queue = queue_for(bundle, state, "default")
        if isinstance(event, HandOffResult) and event.ok and state.handed == handing.TRANSFER:
            state.phase = Phase.ENDED
            return [why, HangUp("handed_over")]
        if isinstance(event, HandOffResult) and event.queue == queue:
            state.phase = Phase.ENDED
            return [why, *self._apology(), HangUp("apology")]
        if state.phase is Phase.HANDING_OFF and not isinstance(event, HandOffResult):
            return [why]  # its result is still to come
        state.phase, state.handed = Phase.HANDING_OFF, handing.TRANSFER
        state.target = Target(queue, bundle.queues[queue].priority, "error")
        return [why, HandOff(queue, state.target.priority, state.told_segment, state.language, state.suspected, reason="error")]

    def _apology(self) -> list[Action]:
        """The last words before a call ends without a human; nothing in them can fail. None where no voice works."""
        state = self.state
        if "voice" in state.without:
            return []
        state.marks += 1
        language = state.language if self.bundle.prompts.has(APOLOGY, state.language) else self.bundle.prompts.default_language
        return [Say((Prompt(APOLOGY),), language, f"s{state.marks}", barge_in=False)]
