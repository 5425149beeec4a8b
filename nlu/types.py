"""The contract of understanding: what goes in (hypotheses) and what comes out (an `Understanding`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

OUT_OF_SCOPE = "out_of_scope"
AGENT = "agent"
LIFE_DANGER = "life_danger"
"""Life or health in danger now: comes before everything a bank does."""


class Decision(StrEnum):
    """What the cost of a mistake allows: go on, ask back, offer two or three, or ask again."""

    ACCEPT = "accept"
    CONFIRM = "confirm"
    CHOOSE = "choose"
    REJECT = "reject"


class Act(StrEnum):
    """Dialogue acts: answers to the bot rather than matters, understood at every question."""

    AFFIRM = "affirm"
    DENY = "deny"
    REPEAT = "repeat"
    HELP = "help"
    WAIT = "wait"
    GOODBYE = "goodbye"
    AGENT = "agent"
    LANGUAGE = "language"  # another language is spoken or asked for; which one is `Understanding.language`


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One reading of what was said, with the recogniser's confidence in 0..1."""

    text: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class RankedIntent:
    """An intent and its calibrated probability in 0..1."""

    intent: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing named in the utterance: `kind` (amount, date, product, card…), its `value`, and the words it came from."""

    kind: str
    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Understanding:
    """What one utterance means.

    `text` is safe to store: personal numbers are masked. `ranking` is best first. `choices` is filled when
    `decision` is CHOOSE; `second` is another matter named in the same breath; `act` is the dialogue act, if any.
    `denied` holds intents that the caller said are not the matter ("nie chcę zastrzegać karty"); none of them is `intent`.
    `language` is set when the words are of another language than the line's (pl, en, uk, ru). `why` says in a few words what led
    to the decision, for records and screens of operations people.
    """

    text: str
    intent: str
    confidence: float
    decision: Decision
    ranking: tuple[RankedIntent, ...] = ()
    act: Act | None = None
    choices: tuple[str, ...] = ()
    second: str | None = None
    denied: tuple[str, ...] = ()
    entities: tuple[Entity, ...] = ()
    language: str | None = None
    backend: str = "local"
    model: str = ""
    why: str = ""


class Understander(Protocol):
    """Anything that turns hypotheses (best first, at least one) into an `Understanding`."""

    def understand(self, hypotheses: Sequence[Hypothesis], lang: str) -> Understanding:
        """Understand one utterance spoken on a line of language `lang` (pl or en)."""
        ...
