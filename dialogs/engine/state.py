"""Where a call stands: everything the engine remembers between two events, readable on a screen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from caller_id.types import Authentication, Caller, Segment
from dialogs.events import Conditions, Prompt, Told

MOST_TOLD, FIRST_TOLD = 60, 15  # entries of the agent's story: so many in all, and so many from the beginning
LONGEST_TOLD = 400  # characters of one entry


SITUATION = "situation"
"""The kind of an entity."""
UNKNOWN = "unknown"
"""What nothing tells."""


class Phase(StrEnum):
    """What the dialogue waits for."""

    NEW = "new"
    LISTENING = "listening"
    WAITING = "waiting"  # the caller asked for a moment
    COLLECTING = "collecting"
    ANNOUNCING = "announcing"  # a hand-off follows when the announcement has been heard
    HANDING_OFF = "handing_off"
    AUTHORISING = "authorising"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Matter:
    """What the caller wants, how sure that is, and how it was learned ("words", "confirmed", "chosen", "keys")."""

    intent: str | None
    confidence: float | None = None
    by: str = "words"
    entities: tuple[tuple[str, str], ...] = ()
    queue: str | None = None

    @property
    def situations(self) -> tuple[str, ...]:
        """What the caller is in (a death in the family), which the wording goes by."""
        return tuple(value for kind, value in self.entities if kind == SITUATION)


@dataclass(frozen=True, slots=True)
class Target:
    """The hand-off that is being announced or offered. `switched`: the queue is closed by a person's decision, for nobody knows
    how long. `on_duty`: those who were meant are closed, and whoever is on duty answers.
    """

    queue: str
    priority: int
    reason: str
    wait_s: float | None = None
    switched: bool = False
    on_duty: bool = False
    route: str = ""
    """The step that chose the queue; "" when none did."""
    open: bool = True
    """The gate let the call through; False when it goes there for want of a better place."""


@dataclass(slots=True)
class CallState:
    """One call. Only the engine writes it."""

    call_id: str
    caller: Caller = field(default_factory=Caller)
    line: str = "main"
    language: str = "pl"
    caller_language: str | None = None  # when it is none in which the conversation can be held
    offered_language: str | None = None
    channel: str = "voice"
    phase: Phase = Phase.NEW
    step: str = ""
    # the question being asked
    attempt: int = 0
    silences: int = 0
    misses: int = 0
    menu: str = "main"
    digits: str = field(default="", repr=False)  # typed so far; of a secret only how many there were
    said: tuple[tuple[Prompt, str], ...] = ()
    mark: str = ""
    marks: int = 0
    # what is known
    matter: Matter | None = None
    candidate: Matter | None = None
    candidates: tuple[str, ...] = ()
    second: str | None = None
    others: tuple[str, ...] = ()  # further matters after the second
    suspected: str | None = None
    denied: frozenset[str] = frozenset()
    words: str = ""
    story: list[Told] = field(default_factory=list)
    wishes: dict[str, str] = field(default_factory=dict)
    several: bool = False  # more than one matter was announced
    private: bool = False  # a firm's customer who calls about their own affairs
    begun: datetime | None = None
    target: Target | None = None
    handed: str = ""  # kind of the hand-off under way: transfer, callback, message
    due: str = ""  # a callback booked for when the queue opens (ISO 8601)
    number: str | None = None
    last_queue: str | None = None
    # what happened
    asked: Counter[str] = field(default_factory=Counter)
    worded: Counter[str] = field(default_factory=Counter)  # how far each question has gone through its wordings
    tried: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    turns: int = 0
    events: int = 0
    waits: int = 0
    switches: int = 0
    agent_asked: int = 0
    wants_human: bool = False
    wait_told: bool = False
    too_long: bool = False  # the call is at its longest: only an emergency changes where it goes
    # conditions
    conditions: Conditions = field(default_factory=Conditions)
    without: frozenset[str] = frozenset()
    preferences: frozenset[str] = frozenset()
    recorded: bool = False
    notices_due: tuple[str, ...] = ()  # prompts of notices not yet heard
    notices_said: tuple[tuple[str, str], ...] = ()  # (mark, prompt) under way
    authentication: Authentication = Authentication.NONE
    app_proof: bool = False  # the app can be asked
    pair: str = field(default="", repr=False)  # the two words of the request that the app shows
    pair_language: str = "pl"
    requests: int = 0  # to the app
    codes: bool = False  # a code of the app may be typed
    code_checked: bool = False  # one is being checked
    codes_spent: bool = False  # too many were wrong
    advisor: str = ""  # whether somebody of the bank is calling the customer; known of those who proved who they are
    segment: Segment = Segment.MASS
    line_segment: bool = False  # the dialled line says it
    trusted: bool = False

    def tell(self, what: str, text: str = "") -> None:
        """Note for the agent what happened; of a long call the beginning and the end are kept."""
        if len(self.story) >= MOST_TOLD:
            del self.story[FIRST_TOLD]
        self.story.append(Told(what, text[:LONGEST_TOLD]))

    def keep(self, *intents: str | None) -> None:
        """Keep these matters beside the one that the call is put through for."""
        main = self.matter.intent if self.matter else None
        for intent in intents:
            if intent and intent not in (main, self.second, *self.others):
                if self.second is None:
                    self.second = intent
                else:
                    self.others = (*self.others, intent)

    def drop(self, *intents: str | None) -> None:
        """These are no further matters after all: denied, or what the call is about."""
        left = [intent for intent in (self.second, *self.others) if intent and intent not in intents]
        self.second, self.others = (left[0] if left else None), tuple(left[1:])

    @property
    def segment_by(self) -> str:
        """How the segment is known: "line", "app", "number", or "unknown" when nothing says it."""
        if self.line_segment:
            return "line"
        listed = self.caller.customer_ref is not None or self.caller.segment is not Segment.MASS
        if not self.recognised or not listed:
            return UNKNOWN
        return "app" if self.authentication is Authentication.APP else "number"

    @property
    def told_segment(self) -> str:
        """The segment as the agent is told it: one that nothing says is unknown."""
        return UNKNOWN if self.segment_by == UNKNOWN else self.segment.value

    @property
    def asked_about(self) -> str | None:
        """The one intent being asked about or announced."""
        if self.phase is Phase.ANNOUNCING and self.matter:
            return self.matter.intent
        return self.candidate.intent if self.candidate else None

    @property
    def on_the_table(self) -> frozenset[str]:
        """The intents being asked about, offered or announced."""
        return frozenset((self.asked_about, *self.candidates) if self.asked_about else self.candidates)

    @property
    def ended(self) -> bool:
        """Nothing more will be said or done."""
        return self.phase is Phase.ENDED

    @property
    def recognised(self) -> bool:
        """The caller may be treated as the number's owner: the number is trusted, or the app proved who calls."""
        return self.trusted or self.authentication is Authentication.APP

    @property
    def deaf(self) -> bool:
        """Only keys can be understood."""
        return bool(self.without & {"recogniser", "classifier"}) or "keys" in self.preferences

    def summary(self) -> str:
        """One line for screens: where the call is and what is known."""
        known = self.matter or self.candidate
        facts = {
            "intent": known.intent if known else None,
            "second": self.second,
            "suspected": self.suspected,
            "queue": self.target.queue if self.target else None,
            "tries": f"{self.attempt}" if self.attempt > 1 else None,
        }
        shown = " ".join(f"{name}={value}" for name, value in facts.items() if value)
        return f"{self.step} · {self.phase.value} · {self.language}" + (f" · {shown}" if shown else "")
