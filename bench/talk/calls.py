"""One simulated call: a person and the bot take turns until the call is over, and what came of it is judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.talk.caller import Talker
from bench.talk.leaks import leaked
from bench.talk.offers import offer_of
from bench.talk.people import Person
from bench.talk.phrases import Phrases
from bench.talk.standing import Standing
from dialogs.data.bundle import Bundle
from dialogs.events import Action, CallStarted, Decided, HandOff, Say
from dialogs.rehearsal.rehearsal import Exchange
from nlu.types import AGENT, OUT_OF_SCOPE, Understander
from voicebot.talk import CallerTurn, TextCall, outcome_of, seconds_of, words_of

MOST_TURNS = 30
_LEFT = ("done", "goodbye", "apology")
_MESSAGE = "message."


@dataclass(frozen=True, slots=True)
class Held:
    """A call that was held, and what is to be counted of it."""

    person: Person
    place: str | None
    """The queue that took it over; None without one."""
    outcome: str
    right: bool
    """Ended where it should."""
    first_time: bool
    """… and no other place was announced before."""
    questions: int
    turns: int
    seconds: float
    tired: bool
    hung_up: bool
    denied_done: bool
    calm: bool
    """No matter of the caller's may be taken for an emergency, and no emergency key was pressed."""
    urgent: bool
    """The caller's matter is an emergency and nothing else."""
    false_alarm: bool
    missed: bool
    """An emergency that no emergency team got."""
    two: bool
    """The caller told two matters."""
    second_lost: bool
    secret_told: bool
    secret_found: bool
    transcript: tuple[str, ...] = field(repr=False)

    @property
    def counts(self) -> bool:
        """Whether there is a right place at all."""
        return self.person.goal != OUT_OF_SCOPE


def hold(person: Person, phrases: Phrases, bundle: Bundle, understander: Understander) -> Held:
    """Hold the whole call. Deterministic."""
    return play(person, phrases, bundle, understander)[0]


def play(person: Person, phrases: Phrases, bundle: Bundle, understander: Understander) -> tuple[Held, list[Exchange]]:
    """Hold the whole call: what came of it, and all that happened in it."""
    exchanges: list[Exchange] = []
    transcript: list[str] = []
    standing = Standing(bundle, person)
    talker = Talker(person, phrases, standing)
    call = TextCall(bundle, understander, at=person.at, show=exchanges.append)
    call.start(CallStarted(person.caller, line="main" if person.language == "pl" else "english", language=person.language))
    answered = 0
    turns = talker.opening()
    for _ in range(MOST_TURNS):
        answered = _told(transcript, exchanges, answered, bundle)
        for turn in turns:
            if not call.over:
                transcript.append(_as_line(turn))
                call.take(turn)
                talker.pressed_emergency |= turn.kind == "key" and "9" in turn.value
        if call.over:
            break
        fresh = [action for exchange in exchanges[answered:] for action in exchange.actions]
        standing.messages += _messages(fresh)
        turns = talker.answer(offer_of(fresh))
    call.fall_silent()
    standing.messages += _messages([action for exchange in exchanges[answered:] for action in exchange.actions])
    _told(transcript, exchanges, answered, bundle)
    return judge(talker, standing, exchanges, transcript), exchanges


def judge(talker: Talker, standing: Standing, exchanges: Sequence[Exchange], transcript: Sequence[str]) -> Held:
    """What came of the call."""
    person = talker.person
    outcome = outcome_of(exchanges)
    place, intent = outcome["queue"], outcome["intent"]
    right = _right(talker, place, exchanges)
    wrong_place = place is not None and not right and place != standing.default
    denied = talker.denied - set(standing.meant)
    queues = {standing.bundle.routes.matters[matter].queue for matter in denied if matter in standing.bundle.routes.matters}
    calm = not any(standing.urgent(matter) for matter in standing.meant) and not talker.pressed_emergency
    urgent = standing.urgent(person.goal) and not person.way.also and not talker.untold
    return Held(
        person=person,
        place=place,
        outcome=outcome["outcome"],
        right=right,
        first_time=right and not talker.corrected,
        questions=max(0, talker.questions - (person.opening in ("silence", "greeting", "vague", "keys"))),
        turns=len(transcript) - sum(line.startswith("bot") for line in transcript),
        seconds=seconds_of(exchanges, standing.bundle),
        tired=talker.tired,
        hung_up=place is None and outcome["reason"] in _LEFT and not talker.content and not standing.answered(),
        denied_done=wrong_place and (intent in denied or place in queues),
        calm=calm,
        urgent=urgent,
        false_alarm=calm and standing.urgent_queue(place),
        missed=urgent and not standing.urgent_queue(place),
        two=standing.told_both,
        second_lost=_second_lost(person, outcome, standing),
        secret_told=talker.secret_told,
        secret_found=person.secret is not None and talker.secret_told and leaked(person.secret, exchanges, person.caller),
        transcript=tuple(transcript),
    )


def _right(talker: Talker, place: str | None, exchanges: Sequence[Exchange]) -> bool:
    person, standing = talker.person, talker.standing
    if person.goal == OUT_OF_SCOPE:
        return place in (None, standing.default)
    if place is None:
        return standing.answered() or (talker.later and _last_matter(exchanges) in standing.meant)
    if standing.right(place) or (person.opening == "human first" and talker.untold and place in standing.anybody):
        return True
    # at night whoever is on duty takes what is urgent enough not to wait
    return place == standing.default and person.goal != AGENT and _at_night(person)


def _last_matter(exchanges: Sequence[Exchange]) -> str | None:
    decided = [action for exchange in exchanges for action in exchange.actions if isinstance(action, Decided)]
    return next((action.intent for action in reversed(decided) if action.intent), None)


def _at_night(person: Person) -> bool:
    return not 8 <= person.at.hour < 18 or person.at.weekday() > 4


def _second_lost(person: Person, outcome: dict[str, object], standing: Standing) -> bool:
    """One of two matters is neither on the hand-off nor answered by a message."""
    if not standing.told_both or outcome["queue"] is None or outcome["outcome"] == "message":
        return False
    kept = {outcome["intent"], outcome["second"], *standing.messages}
    return any(kept.isdisjoint(each) for each in (person.first, person.other))


def _messages(actions: Sequence[Action]) -> Iterator[str]:
    for action in actions:
        if isinstance(action, Say):
            yield from (prompt.id.removeprefix(_MESSAGE) for prompt in action.prompts if prompt.id.startswith(_MESSAGE))


def _told(transcript: list[str], exchanges: Sequence[Exchange], since: int, bundle: Bundle) -> int:
    """Write down what the bot has done since, and return how far."""
    for exchange in exchanges[since:]:
        for action in exchange.actions:
            if isinstance(action, Say):
                transcript.append(f"bot    {words_of(action, bundle, exchange.at)}")
            elif isinstance(action, HandOff):
                transcript.append(f"bot    → {action.kind} {action.queue} ({action.intent}, second {action.second})")
    return len(exchanges)


def _as_line(turn: CallerTurn) -> str:
    return f"caller {turn.value}" if turn.kind == "say" else f"caller [{turn.kind}] {turn.value}".rstrip()
