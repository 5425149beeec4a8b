"""The population: who calls, when, about what, and in what manner. The same seed gives the same people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from stdnum import luhn
from stdnum.pl import pesel

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
_WITH_SECRET = 0.08


@dataclass(frozen=True, slots=True)
class Secret:
    """A number that the caller dictates and nobody may find afterwards."""

    kind: str
    digits: str
    spoken: str
    """The digits as the caller says them: a run, groups, or words."""
    early: bool
    """Dictated with the matter; otherwise with the first answer."""


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
    kind = rng.choice(list(_DIGITS))
    digits = _DIGITS[kind](rng)
    return Secret(kind, digits, spoken_digits(digits, phrases, rng), early=rng.random() < 0.6)


def _pesel(rng: Random) -> str:
    born = date(1940, 1, 1) + timedelta(days=rng.randrange(21_900))  # before 2000: later months are written otherwise
    known = f"{born:%y%m%d}{rng.randrange(10_000):04}"
    return known + pesel.calc_check_digit(known)


def _card(rng: Random) -> str:
    known = rng.choice("45") + _any_digits(rng, 14)
    return known + luhn.calc_check_digit(known)


def _any_digits(rng: Random, count: int) -> str:
    return "".join(str(rng.randrange(10)) for _ in range(count))


_DIGITS: Mapping[str, Callable[[Random], str]] = {
    "PESEL": _pesel,
    "PIN": lambda rng: _any_digits(rng, 4),
    "card": _card,
    "BLIK": lambda rng: _any_digits(rng, 6),
}


def spoken_digits(digits: str, phrases: Phrases, rng: Random) -> str:
    """A number as people dictate it and recognisers write it: in one run, in groups, digit by digit, in tens, with hesitation."""
    style = rng.randrange(7)
    if style == 0:
        return digits
    if style < 3:
        size = style * 2
        return rng.choice((" ", " ", "-", ", ")).join(digits[at : at + size] for at in range(0, len(digits), size))
    if style == 3:
        return " ".join(_pair(digits[at : at + 2], phrases) for at in range(0, len(digits), 2))
    words = [phrases.lists["digits"][int(digit)] for digit in digits]
    if style == 4:
        return ", ".join(" ".join(words[at : at + 3]) for at in range(0, len(words), 3))
    if style == 5:
        words.insert(rng.randrange(1, len(words)), rng.choice(phrases.lists["fillers"]))
    return " ".join(words)


def _pair(pair: str, phrases: Phrases) -> str:
    """Two digits as a number below a hundred; a leading zero is said."""
    ones, teens, tens = (phrases.lists[name] for name in ("digits", "teens", "tens"))
    if len(pair) == 1 or pair[0] == "0":
        return " ".join(ones[int(digit)] for digit in pair)
    if pair[0] == "1":
        return teens[int(pair[1])]
    return tens[int(pair[0]) - 2] + (f" {ones[int(pair[1])]}" if pair[1] != "0" else "")
