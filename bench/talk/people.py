"""The population: who calls, when, about what, and in what manner. The same seed gives the same people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from bench.talk.phrases import Phrases, Way
from caller_id.types import Caller, NumberTrust, Segment
from dialogs.data.bundle import Bundle
from nlu.types import AGENT, OUT_OF_SCOPE

OPENINGS = {
    "plain": 34,
    "about": 11,
    "name": 4,
    "detour": 9,
    "correction": 6,
    "negation": 6,
    "two": 7,
    "second later": 4,
    "human first": 6,
    "vague": 5,
    "greeting": 4,
    "silence": 2,
    "keys": 2,
}
MOODS = {"calm": 55, "hurried": 15, "angry": 8, "hesitant": 14, "chatty": 8}
# working hours mostly: what is closed at night is a conversation of its own
TIMES = {"2026-11-24T11:00": 70, "2026-11-26T15:30": 15, "2026-11-28T13:10": 5, "2026-11-24T21:10": 5, "2026-11-25T03:20": 5}
SEGMENTS = {Segment.MASS: 82, Segment.SELECT: 7, Segment.PRIVATE_BANKING: 5, Segment.SME: 6}
_RARE = {AGENT: 0.6, OUT_OF_SCOPE: 0.6}
_WITHHELD = 0.1
_WITH_SECRET = 0.06
SECRET_DIGITS = {"PESEL": 11, "PIN": 4, "card": 16, "BLIK": 6}


@dataclass(frozen=True, slots=True)
class Secret:
    """A number that the caller dictates and nobody may find afterwards."""

    kind: str
    digits: str
    spoken: str
    """The digits as the caller says them: a run, groups, or words."""


@dataclass(frozen=True, slots=True)
class Person:
    """One caller. Whatever they do comes from here and from `seed`."""

    name: str
    """Language and number: finds the call again."""
    language: str
    goal: str
    way: Way
    opening: str
    mood: str
    at: datetime
    caller: Caller
    second: str | None
    second_way: Way | None
    wrong: str
    """The matter named by mistake, or denied, in the opening."""
    patience: int
    """Questions put up with before a human is asked for."""
    capitals: bool
    edits: int
    """Mishearings in an utterance, at most."""
    secret: Secret | None
    seed: str

    @property
    def first(self) -> tuple[str, ...]:
        """The matter and what it may rightly be taken for."""
        return (self.goal, *self.way.also)

    @property
    def other(self) -> tuple[str, ...]:
        """The same of the second matter; nothing without one."""
        return (self.second, *self.second_way.also) if self.second and self.second_way else ()


def people(phrases: Phrases, bundle: Bundle, *, count: int, seed: int) -> Iterator[Person]:
    """This many callers of one language, one after another."""
    for number in range(count):
        yield person(phrases, bundle, f"{phrases.language}-{number:05}", seed)


def person(phrases: Phrases, bundle: Bundle, name: str, seed: int) -> Person:
    """The caller of this name."""
    rng = Random(f"{seed} {name}")
    matters = list(phrases.matters)
    goal = rng.choices(matters, [_RARE.get(matter, 1.0) for matter in matters])[0]
    others = [other for other in matters if other not in (AGENT, OUT_OF_SCOPE, goal)]
    way = rng.choice(phrases.matters[goal].ways)
    opening = _chosen(OPENINGS, rng) if goal not in (AGENT, OUT_OF_SCOPE) else "plain"
    second = rng.choice(others) if opening in ("two", "second later") else None
    return Person(
        name=name,
        language=phrases.language,
        goal=goal,
        way=way,
        opening=opening,
        mood=_chosen(MOODS, rng),
        at=datetime.fromisoformat(_chosen(TIMES, rng)).replace(tzinfo=bundle.calendar.zone),
        caller=_caller(rng, phrases.language),
        second=second,
        second_way=rng.choice(phrases.matters[second].ways) if second else None,
        wrong=rng.choice([other for other in others if other not in way.also]),
        patience=rng.choice((2, 3, 3, 4, 5, 6)),
        capitals=rng.random() < 0.5,
        edits=rng.choices((0, 1, 2), (60, 25, 15))[0],
        secret=_secret(phrases, rng) if rng.random() < _WITH_SECRET else None,
        seed=f"{seed} {name} talks",
    )


def _chosen(weights: dict[str, int], rng: Random) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _caller(rng: Random, language: str) -> Caller:
    if rng.random() < _WITHHELD:
        return Caller(withheld=True)
    segment = rng.choices(list(SEGMENTS), list(SEGMENTS.values()))[0]
    number = f"+486{rng.randrange(10**8):08}"
    return Caller(number=number, trust=NumberTrust.TRUNK, segment=segment, language=language, customer_ref=f"C-{number[-5:]}")


def _secret(phrases: Phrases, rng: Random) -> Secret:
    kind = rng.choice(list(SECRET_DIGITS))
    digits = "".join(str(rng.randrange(10)) for _ in range(SECRET_DIGITS[kind]))
    return Secret(kind, digits, _spoken(digits, phrases.lists["digits"], rng))


def _spoken(digits: str, words: Sequence[str], rng: Random) -> str:
    match rng.randrange(4):
        case 0:
            return digits
        case 1:
            return " ".join(digits[at : at + 2] for at in range(0, len(digits), 2))
        case 2:
            return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
    return " ".join(words[int(digit)] for digit in digits)
