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
SKIP = "skip"
"""The command of whoever would rather go on without the app."""


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Name = Annotated[str, Field(min_length=1)]
"""The name of a step or a prompt. One that is left out is not written at all."""
PerhapsPrompts = Annotated[tuple[Name, ...], BeforeValidator(_listed)]
Prompts = Annotated[PerhapsPrompts, Field(min_length=1)]
"""Names, one or several."""


class Statement(Spec):
    """Say something and go on. The `opening` also gives the notices, the surge announcement and the offer of another language."""

    kind: Literal["statement"]
    tell: Prompts
    opening: bool = False
    then: Name


class CheckName(StrEnum):
    """The facts that a `check` step may go by; the engine knows each (`dialogs.engine.checks`)."""

    HEARS = "hears"
    REPEAT_CALLER = "repeat_caller"
    SECOND_MATTER = "second_matter"
    SURVEY = "survey"
    APP_CONFIRMATION = "app_confirmation"
    ADVISOR_QUESTION = "advisor_question"
    NUMBER_KNOWN = "number_known"
    WANTS_HUMAN = "wants_human"
    APP_CODE = "app_code"


class Check(Spec):
    """Go one way or the other, by a fact the engine knows."""

    kind: Literal["check"]
    check: Name
    """A `CheckName`; the linter names the nearest one for any other."""
    yes: Name
    no: Name


class Question(Spec):
    """Ask; each attempt has its own wording, shorter than the one before. `silent` are the wordings after silence.

    `answers` maps what the caller means (matter, unsure, several, yes, no, or an option of `keys`) to the next step.
    `keys` are the options by key; a yes/no question has 1 and 2. `anything` takes whatever is said as the answer.
    `cautious`: whatever is no clear denial counts as `spent` (emergencies). `tries` replaces the limits of silences and misses.
    `spent` is the step after too many tries, `unanswered` another one for when all that came was silence.
    `code`: the code that the caller's app shows may be typed here, and leads to this step; the question's own name asks it again.
    With `option` the caller chooses among the candidates: it is the prompt that reads one out with its key.
    """

    kind: Literal["question"]
    ask: Prompts = Field(max_length=MAX_ASKS)
    silent: PerhapsPrompts = Field(default=(), max_length=MAX_ASKS)
    help: Name | None = None
    expect: Expect = Expect.OPEN
    answers: Mapping[str, Name] = {}
    keys: Mapping[str, Name] = {}
    option: Name | None = None
    anything: Name | None = None
    cautious: bool = False
    tries: int | None = Field(default=None, ge=1, le=MAX_ASKS)
    spent: Name
    unanswered: Name | None = None
    code: Name | None = None


class Menu(Spec):
    """Read out a menu built from the routes and take a key, or words. `code` as for a question."""

    kind: Literal["menu"]
    intro: Name
    again: Name
    option: Name
    closing: Name
    help: Name | None = None
    short: Name | None = None
    """Said in place of the whole menu to whoever was silent after it."""
    answers: Mapping[str, Name] = {}
    spent: Name
    code: Name | None = None


class Route(Spec):
    """Decide where the call goes and pass the one gate of hours, switches and waits."""

    kind: Literal["route"]
    to: Name
    open: Name
    closed: Name
    long_wait: Name | None = None
    message: Name | None = None


class Message(Spec):
    """Speak the approved message of the matter."""

    kind: Literal["message"]
    then: Name


class Connect(Spec):
    """Announce, and hand the call over once the announcement has been heard. With `keys` the announcement can be answered."""

    kind: Literal["connect"]
    announce: Prompts
    barge_in: bool = True
    answers: Mapping[str, Name] = {}
    keys: bool = False


class Collect(Spec):
    """Take a number by keys, or by voice when it is no secret."""

    kind: Literal["collect"]
    ask: Prompts = Field(max_length=MAX_ASKS)
    max_digits: int = Field(gt=0, le=32)
    secret: bool = False
    """The keys are a secret (a PIN, a code): they are in no record, and nothing is recorded while they are pressed."""
    collected: Name
    refused: Name
    spent: Name


class Request(Spec):
    """Hand over a callback or a message instead of the call."""

    kind: Literal["request"]
    request: Literal["callback", "message"]
    done: Name
    failed: Name


class Confirmation(Spec):
    """Ask the caller's app to confirm who they are; the call goes on either way.

    `tell` is said while the request is sent; when the app shows it `words` introduce the `pair`, `again` its repetition, and
    `close` says what to do. `waiting` is said to whoever stays silent, or says what is no answer; `help` to whoever asks.
    `answers` maps how it ended (confirmed, refused, expired, no_app…) to the next step; `then` is that of every other end, and of
    a caller who would rather not: by the command `skip`, a no, key 2, or asking for a human. A request that expired may be
    repeated once.
    """

    kind: Literal["confirmation"]
    tell: PerhapsPrompts = ()
    words: Name
    pair: Name
    again: Name
    close: Name
    waiting: Prompts
    help: Name
    answers: Mapping[Literal["confirmed", "refused", "expired", "no_app", "other_customer"], Name] = {}
    then: Name


class Survey(Spec):
    """Keep the answer to the survey's question."""

    kind: Literal["survey"]
    answer: Name
    then: Name


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
    code: float = Field(default=1.5, ge=0.5, le=5)
    """Where a code may be typed: until an 8 alone counts as a key, and a number as long as a code as typed; twice that for the
    rest of a number.
    """
    slow_times: float = Field(default=1.7, ge=1, le=4)
    slow_speed: float = Field(default=0.8, ge=0.5, le=1)


class Anywhere(Spec):
    """Where the call goes when this is said or pressed at any step."""

    matter: Name
    unsure: Name
    several: Name
    emergency: Name
    emergency_unsure: Name
    emergency_several: Name
    security_key: Name
    agent: Name
    agent_first: Name
    angry: Name
    urgent: Name
    menu: Name
    goodbye: Name
    short_language: Name
    give_up: Name


class Says(Spec):
    """The prompts the engine itself says, whatever the step."""

    notice_bot: Name
    notice_recording: Name
    recording_stopped: Name
    surge: Name
    closure: Name
    wait: Name
    back: Name
    who: Name
    slower: Name
    patient: Name
    keys: Name
    comfort_off: Name
    language_offer: Name
    language_switched: Name
    use_keys: Name
    yes_no_keys: Name
    expected_wait: Name
    second_kept: Name
    try_other: Name
    too_long: Name
    bad_number: Name
    no_such_key: Name
    not_that: Name
    wish_noted: Name
    code_accepted: Name
    code_wrong: Name
    code_not_whole: Name
    code_spent: Name
    code_unavailable: Name


class Flow(Spec):
    """`flow.yml`. `commands` are set phrases by language that mean one thing wherever they are said.

    `hints` are named after a command, an option or a matter: an entry is beginnings of words that must all be heard, in any order
    ("_" joins those that follow one another, "!" is before what must not be heard). `doubts` are of matters, and asked about.
    """

    start: Name
    limits: Limits = Limits()
    patience: Patience = Patience()
    anywhere: Anywhere
    commands: Mapping[str, Mapping[str, tuple[str, ...]]] = Field(default_factory=dict)
    hints: Mapping[str, Mapping[str, tuple[str, ...]]] = Field(default_factory=dict)
    doubts: Mapping[str, Mapping[str, tuple[str, ...]]] = Field(default_factory=dict)
    says: Says
    steps: Mapping[str, Step]

    def phrases(self, command: str, language: str) -> tuple[str, ...]:
        """The set phrases of a command in a language; none where there are none."""
        return self.commands.get(command, {}).get(language, ())

    def hints_of(self, name: str, language: str) -> tuple[str, ...]:
        """The hints of a command, an option or a matter in a language; none where there are none."""
        return self.hints.get(name, {}).get(language, ())

    @cached_property
    def options(self) -> frozenset[str]:
        """Names that mean something only at the steps that offer them."""
        questions = [step for step in self.steps.values() if isinstance(step, Question)]
        return frozenset({SKIP, *(name for step in questions for name in (*step.answers, *step.keys.values()))})
