"""Where calls go: queues, the queue of each matter, the segments' own lines, hours, the keypad menu, the dialled lines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from pydantic import Field, field_validator

from caller_id.types import NumberTrust, Segment
from dialogs.data.flow import Name
from dialogs.data.hours import ExceptionSpec, HoursSpec
from dialogs.data.source import Clock, Spec

HIGHEST_PRIORITY = 10
SLOWED_PRIORITY = -1
"""Of callers whom others go before."""
HUMAN = "human"


class Queue(Spec):
    """One queue of the contact centre. `target` is what the hand-off puts into the transfer's address (SIP user).

    `overflow` is tried when a transfer into this queue fails, before the default queue. `self_service` has no people: its matters
    are answered by messages. A callback is offered when the expected wait is above `long_wait_s` seconds. With `whisper` an agent
    first hears in a few words what the call is about, and takes it by key 1 or passes it back by 2 (calls that are bridged).
    """

    target: str = Field(min_length=1, pattern=r"^[A-Za-z0-9._+-]+$")
    hours: Name
    priority: int = Field(default=0, ge=0, le=HIGHEST_PRIORITY)
    emergency: bool = False
    overflow: Name | None = None
    long_wait_s: float = Field(default=480, gt=0)
    self_service: bool = False
    whisper: bool = False
    language: Name | None = None


class MatterRoute(Spec):
    """An intent's route: its queue; for self-service the approved `message` and the queue of the `human` behind it."""

    queue: Name
    emergency: bool = False
    message: Name | None = None
    human: Name | None = None


class SegmentLine(Spec):
    """A segment's own line: `queue`, the matters it takes ("all" but emergencies, or a list of intents), the priority its
    customers have in any ordinary queue, and the customers' own `adviser`'s queue for when the line is closed.
    """

    queue: Name | None = None
    takes: Literal["all"] | tuple[str, ...] = ()
    priority: int = Field(default=0, ge=0, lt=HIGHEST_PRIORITY)
    adviser: Name | None = None


class MenuOption(Spec):
    """One key of a menu: a `menu` below it, one or more `intents` of one queue, a `step` of the flow, a `language` ("other": the
    line's other one), or a `command`. `say` is its name's prompt.
    """

    say: Name
    menu: Name | None = None
    intents: tuple[Name, ...] = ()
    step: Name | None = None
    language: Name | None = None
    command: Name | None = None

    @field_validator("intents", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class Keys(Spec):
    """The same keys everywhere: the emergency key, the human's key, back to the main menu, repeat."""

    emergency: str = "9"
    human: str = "0"
    main_menu: str = "*"
    repeat: str = "#"


class Line(Spec):
    """One dialled line: its numbers (E.164), the step it starts at, its languages (first is the default)."""

    numbers: tuple[str, ...] = ()
    start: Name | None = None
    languages: tuple[str, ...] = Field(default=("pl", "en"), min_length=1)
    segment: Segment | None = None
    repeat_caller: bool = True
    survey: bool = False
    app_confirmation: tuple[str, ...] = ()


class TenurePrior(Spec):
    """Callers with this many years as customers more often mean these matters: their probability counts `times` as much when
    the choice is open anyway.
    """

    from_years: float = 0
    to_years: float = float("inf")
    favours: tuple[str, ...]
    times: float = Field(gt=1, le=3)


class ScreenPrior(Spec):
    """Customers who call from these screens of the app more often mean these matters, as in `TenurePrior`. `screens` are the
    beginnings of the names that the bank's app gives: "cards" is also "cards/blocked".
    """

    screens: tuple[str, ...] = Field(min_length=1)
    favours: tuple[str, ...]
    times: float = Field(gt=1, le=3)

    def covers(self, screen: str) -> bool:
        """Whether the screen is one of them."""
        return any(screen == name or screen.startswith(f"{name}/") for name in self.screens)


class CallbackRule(Spec):
    """Calling back: from which number (never one of the hotline's own: they only receive), within which hours, how many attempts
    how far apart, and which numbers are refused (premium rate).
    """

    cli: str = Field(pattern=r"^\+\d{8,15}$")
    not_before: Clock = time(8)
    not_after: Clock = time(20)
    attempts: int = Field(default=3, ge=1, le=5)
    minutes_between: int = Field(default=15, ge=1)
    refused_prefixes: tuple[str, ...] = ()


class LanguageRule(Spec):
    """Languages beyond the complete ones: a short message and the queue; `by_prefix` guesses from the number.

    `urgent` shows emergencies in such a language, by matter: an entry is the beginnings of words that must all be there.
    """

    short: Mapping[str, str] = {}
    same_as: Mapping[str, str] = {}
    urgent: Mapping[str, Mapping[str, tuple[str, ...]]] = {}
    by_prefix: Mapping[str, str] = {}


class Routes(Spec):
    """`routes.yml`."""

    timezone: str = "Europe/Warsaw"
    public_holidays: str | None = "PL"
    hours: Mapping[str, HoursSpec]
    exceptions: tuple[ExceptionSpec, ...] = ()
    queues: Mapping[str, Queue]
    default_queue: Name
    matters: Mapping[str, MatterRoute]
    segments: Mapping[Segment, SegmentLine] = {}
    advisor_question: tuple[str, ...] = ()
    """Matters of callers who ask whether the bank is calling them: whoever proves by the app who they are is told."""
    segment_from: tuple[NumberTrust, ...] = (NumberTrust.TRUNK, NumberTrust.ATTESTED)
    announce_wait_from_s: float = Field(default=60, ge=0, allow_inf_nan=False)
    keys: Keys = Keys()
    emergency_keys: Mapping[str, str]
    menus: Mapping[str, Mapping[str, MenuOption]]
    languages: LanguageRule = LanguageRule()
    lines: Mapping[str, Line]
    tenure: tuple[TenurePrior, ...] = ()
    screens: tuple[ScreenPrior, ...] = ()
    callback: CallbackRule

    @field_validator("public_holidays")
    @classmethod
    def _known_country(cls, value: str | None) -> str | None:
        if value is not None and value not in holidays.list_supported_countries():
            raise ValueError(f"{value!r} is no country; write two capital letters (ISO 3166) such as PL, or null for no holidays")
        return value

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no time zone called {name!r}; write it like Europe/Warsaw") from error
        return name

    @property
    def own_numbers(self) -> frozenset[str]:
        """The hotline's own numbers: they only receive calls."""
        return frozenset(number for line in self.lines.values() for number in line.numbers)

    def line_of(self, dialled: str | None) -> str:
        """The line with this number (E.164); the first line for a number that is nobody's."""
        return next((name for name, line in self.lines.items() if dialled in line.numbers), next(iter(self.lines)))

    def is_emergency(self, intent: str | None) -> bool:
        """The matter is one of the emergencies."""
        return intent is not None and intent in self.matters and self.matters[intent].emergency

    def urgency(self, intent: str) -> int:
        """The place of a matter in `matters`: of two emergencies the one that stands before the other goes first."""
        return list(self.matters).index(intent)

    def human_queue(self, intent: str) -> str:
        """The queue of the people behind this matter."""
        matter = self.matters[intent]
        if matter.human:
            return matter.human
        return self.default_queue if self.queues[matter.queue].self_service else matter.queue
