"""`flow.yml`: the conversation as named steps, each of one kind, each saying what comes next.

A step that waits for the caller (question, menu, collect) gives up after a bounded number of tries and goes to `spent`; the rest
pass on at once. What a caller may say at any step stands under `anywhere`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from dialogs.data.source import Spec
from dialogs.events import Expect

MAX_ASKS = 3


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Prompts = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""Names, one or several."""


class Statement(Spec):
    """Say something and go on. The `opening` also gives the notices, the surge announcement and the offer of another language."""

    kind: Literal["statement"]
    tell: Prompts
    opening: bool = False
    then: str


class CheckName(StrEnum):
    """The facts that a `check` step may go by; the engine knows each (`dialogs.engine.checks`)."""

    HEARS = "hears"
    REPEAT_CALLER = "repeat_caller"
    SECOND_MATTER = "second_matter"
    SURVEY = "survey"
    APP_CONFIRMATION = "app_confirmation"
    NUMBER_KNOWN = "number_known"
    WANTS_HUMAN = "wants_human"


class Check(Spec):
    """Go one way or the other, by a fact the engine knows."""

    kind: Literal["check"]
    check: str
    """A `CheckName`; the linter names the nearest one for any other."""
    yes: str
    no: str


class Question(Spec):
    """Ask; each attempt has its own wording, shorter than the one before. `silent` are the wordings after silence.

    `answers` maps what the caller means (matter, unsure, several, yes, no, or an option of `keys`) to the next step.
    `keys` are the options by key; a yes/no question has 1 and 2. `anything` takes whatever is said as the answer.
    `cautious`: whatever is no clear denial counts as `spent` (emergencies). `tries` replaces the limits of silences and misses.
    `spent` is the step after too many tries, `unanswered` another one for when all that came was silence.
    With `option` the caller chooses among the candidates: it is the prompt that reads one out with its key.
    """

    kind: Literal["question"]
    ask: Prompts = Field(min_length=1, max_length=MAX_ASKS)
    silent: Prompts = Field(default=(), max_length=MAX_ASKS)
    help: str | None = None
    expect: Expect = Expect.OPEN
    answers: Mapping[str, str] = {}
    keys: Mapping[str, str] = {}
    option: str | None = None
    anything: str | None = None
    cautious: bool = False
    tries: int | None = Field(default=None, ge=1, le=MAX_ASKS)
    spent: str
    unanswered: str | None = None


class Menu(Spec):
    """Read out a menu built from the routes and take a key, or words."""

    kind: Literal["menu"]
    intro: str
    again: str
    option: str
    closing: str
    help: str | None = None
    answers: Mapping[str, str] = {}
    spent: str


class Route(Spec):
    """Decide where the call goes and pass the one gate of hours, switches and waits."""

    kind: Literal["route"]
    to: str
    open: str
    closed: str
    long_wait: str | None = None
    message: str | None = None


class Message(Spec):
    """Speak the approved message of the matter."""

    kind: Literal["message"]
    then: str


class Connect(Spec):
    """Announce, and hand the call over once the announcement has been heard. With `keys` the announcement can be answered."""

    kind: Literal["connect"]
    announce: Prompts
    barge_in: bool = True
    answers: Mapping[str, str] = {}
    keys: bool = False


class Collect(Spec):
    """Take a number by keys."""

    kind: Literal["collect"]
    ask: Prompts = Field(min_length=1, max_length=MAX_ASKS)
    max_digits: int = Field(gt=0, le=32)
    secret: bool = False
    """The keys are a secret (a PIN, a code): they are in no record, and nothing is recorded while they are pressed."""
    collected: str
    refused: str
    spent: str


class Request(Spec):
    """Hand over a callback or a message instead of the call."""

    kind: Literal["request"]
    request: Literal["callback", "message"]
    done: str
    failed: str


class Confirmation(Spec):
    """Ask the caller's app to confirm who they are; the call goes on either way."""

    kind: Literal["confirmation"]
    tell: Prompts
    then: str


class Survey(Spec):
    """Keep the answer to the survey's question."""

    kind: Literal["survey"]
    answer: str
    then: str


class Farewell(Spec):
    """Say the last words and hang up."""

    kind: Literal["farewell"]
    tell: Prompts
    reason: Literal["done", "goodbye", "apology"] = "done"


Step = Annotated[
    Statement | Check | Question | Menu | Route | Message | Connect | Collect | Request | Confirmation | Survey | Farewell,
    Field(discriminator="kind"),
]


class Limits(Spec):
    """How often before the next rung of the ladder. `asks` holds for every question in the whole call."""

    asks: int = Field(default=MAX_ASKS, ge=1, le=MAX_ASKS)
    silences: int = Field(default=2, ge=1, le=MAX_ASKS)
    misses: int = Field(default=2, ge=1, le=MAX_ASKS)
    waits: int = Field(default=2, ge=0, le=5)
    turns: int = Field(default=40, ge=10, le=200)


class Patience(Spec):
    """Seconds of silence before the bot speaks again, by what is expected; `slow_times` for callers who want more time."""

    open: float = Field(default=6, ge=2, le=30)
    yes_no: float = Field(default=5, ge=2, le=30)
    choice: float = Field(default=7, ge=2, le=30)
    digits: float = Field(default=6, ge=2, le=30)
    wait: float = Field(default=20, ge=5, le=120)
    slow_times: float = Field(default=1.7, ge=1, le=4)
    slow_speed: float = Field(default=0.8, ge=0.5, le=1)


class Anywhere(Spec):
    """Where the call goes when this is said or pressed at any step."""

    matter: str
    unsure: str
    several: str
    emergency: str
    emergency_unsure: str
    emergency_several: str
    security_key: str
    agent: str
    agent_first: str
    angry: str
    urgent: str
    menu: str
    goodbye: str
    short_language: str
    give_up: str


class Says(Spec):
    """The prompts the engine itself says, whatever the step."""

    notice_bot: str
    notice_recording: str
    recording_stopped: str
    surge: str
    closure: str
    wait: str
    back: str
    who: str
    slower: str
    patient: str
    keys: str
    comfort_off: str
    language_offer: str
    language_switched: str
    use_keys: str
    yes_no_keys: str
    expected_wait: str
    second_kept: str
    try_other: str
    too_long: str
    bad_number: str


class Flow(Spec):
    """`flow.yml`. `commands` are set phrases by language that mean one thing wherever they are said."""

    start: str
    limits: Limits = Limits()
    patience: Patience = Patience()
    anywhere: Anywhere
    commands: Mapping[str, Mapping[str, tuple[str, ...]]] = Field(default_factory=dict)
    says: Says
    steps: Mapping[str, Step]

    @cached_property
    def options(self) -> frozenset[str]:
        """Names that mean something only at the steps that offer them."""
        questions = [step for step in self.steps.values() if isinstance(step, Question)]
        return frozenset(name for step in questions for name in (*step.answers, *step.keys.values()))
