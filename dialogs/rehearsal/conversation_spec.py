"""How a conversation test is written: who calls, when, what they do turn by turn, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from caller_id.types import Authentication, NumberTrust, Segment
from dialogs.data.flow import Prompts
from dialogs.data.source import Spec
from dialogs.rehearsal.meanings import parse_meaning


class CallerSpec(Spec):
    """Who calls; see `caller_id.types.Caller`."""

    number: str | None = "+48600100200"
    trust: NumberTrust = NumberTrust.TRUNK
    withheld: bool = False
    authentication: Authentication = Authentication.NONE
    segment: Segment = Segment.MASS
    language: str | None = None
    tenure_years: float | None = None
    customer_ref: str | None = None


class Situation(Spec):
    """What is true when the call starts: waits in seconds by queue, switches, what is out of order, what is remembered."""

    waits: Mapping[str, float] = Field(default_factory=dict)
    surge: bool = False
    closed: Prompts = ()
    without: Prompts = ()
    last_queue: str | None = None
    preferences: Prompts = ()
    recorded: bool = False
    refuse: Prompts = ()
    app: Literal["", "confirms", "refused", "expired", "no_app", "other_customer", "waits"] = ""
    """What comes of a request to the caller's app; "": it cannot be asked. "waits": a turn says it."""
    code: bool = False
    """A code of the caller's app may be typed."""
    advisor: Literal["calling", "lately", "none"] = "none"
    """Whether the bank is calling the caller."""


class TurnSpec(Spec):
    """One thing the caller does (say, interrupt, key, keys, silence, waits, hang_up, code: a code typed, and what it is), that
    happens (fails, app: what the caller's app answers), or that the bot must just have said (bot).
    """

    say: str | None = None
    interrupt: str | None = None
    means: str | None = None
    key: str | None = None
    keys: str | None = None
    silence: float | None = None
    fails: str | None = None
    app: Literal["confirms", "refused", "expired", "no_app", "other_customer"] | None = None
    code: Literal["right", "wrong", "too_short", "tries", "unavailable"] | None = None
    waits: bool = False
    hang_up: bool = False
    bot: Prompts = ()

    @model_validator(mode="after")
    def _one_thing(self) -> TurnSpec:
        given = [
            name
            for name in ("say", "interrupt", "key", "keys", "silence", "fails", "app", "code", "bot")
            if getattr(self, name) not in (None, ())
        ]
        given += [name for name in ("waits", "hang_up") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"a turn is one thing, not {' and '.join(given) or 'nothing'}")
        if self.means is not None:
            parse_meaning(self.means, "")
        return self


class Expectation(Spec):
    """What must come of the call; what is left out is not looked at."""

    queue: str | None = None
    priority: int | None = None
    kind: Literal["transfer", "callback", "message"] | None = None
    segment: Segment | Literal["unknown"] | None = None
    language: str | None = None
    intent: str | None = None
    second: str | None = None
    words: str | None = None
    tried: Prompts = ()
    call_back: str | None = None
    answer_to: str | None = None
    others: Prompts = ()
    denied: Prompts = ()
    wishes: Mapping[str, str] = Field(default_factory=dict)
    hears: Prompts = ()
    due: str | None = None
    ends: Literal["handed_over", "done", "goodbye", "apology", "caller"] | None = None
    says: Prompts = ()
    never_says: Prompts = ()
    says_in: str | None = None
    decides: Mapping[str, str] = Field(default_factory=dict)
    remembers: Prompts = ()
    stops_recording: bool | None = None
    hand_off: bool = True


class ConversationSpec(Spec):
    """One conversation."""

    name: str = Field(min_length=3)
    caller: CallerSpec = CallerSpec()
    line: str = "main"
    channel: Literal["voice", "chat"] = "voice"
    language: str | None = None
    at: datetime = datetime(2026, 11, 18, 12, 0)  # noqa: DTZ001 - the bank's wall clock; the zone comes from the routes
    given: Situation = Situation()
    turns: tuple[TurnSpec, ...] = ()
    expect: Expectation

    @field_validator("turns", mode="before")
    @classmethod
    def _short_turns(cls, turns: Any) -> Any:
        """The words alone stand for a turn that needs nothing more."""
        short: dict[str, dict[str, Any]] = {"silence": {"silence": 0}, "waits": {"waits": True}, "hang up": {"hang_up": True}}
        return [short.get(turn, {"say": turn}) if isinstance(turn, str) else turn for turn in turns]


class ConversationFile(Spec):
    """`tests/*.yml` of a bundle."""

    tests: tuple[ConversationSpec, ...]
