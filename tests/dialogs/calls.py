"""Making calls for the tests: callers, understandings by hand, and a rehearsed call."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from caller_id.types import Caller, NumberTrust, Segment
from dialogs.data.bundle import Bundle
from dialogs.events import CallStarted, Decided, HandOff, HangUp, Say
from dialogs.rehearsal.rehearsal import Rehearsal
from nlu.types import Act, Decision, Entity, RankedIntent, Understanding

WARSAW = ZoneInfo("Europe/Warsaw")
WEDNESDAY_NOON = datetime(2026, 11, 18, 12, 0, tzinfo=WARSAW)
SATURDAY_NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=WARSAW)
MOBILE = "+48600100200"


_ACT_WORDS = {"wait": "chwileczkę", "goodbye": "do widzenia"}
"""Acts that the dialogue believes only where the words bear them out."""


def means(
    intent: str = "out_of_scope",
    decision: str = "accept",
    *,
    act: str | None = None,
    confidence: float = 0.9,
    choices: tuple[str, ...] = (),
    second: str | None = None,
    language: str | None = None,
    text: str = "",
    ranking: tuple[tuple[str, float], ...] = (),
    entities: tuple[tuple[str, str], ...] = (),
) -> Understanding:
    """An understanding made by hand; a pure act has no matter."""
    if act is not None and intent == "out_of_scope":
        decision = "reject"
    return Understanding(
        text=text or _ACT_WORDS.get(act or "", f"mówię o ({act or intent})"),
        intent=intent,
        confidence=confidence,
        decision=Decision(decision),
        ranking=tuple(RankedIntent(*pair) for pair in ranking),
        act=Act(act) if act else None,
        choices=choices,
        second=second,
        entities=tuple(Entity(kind, value, value) for kind, value in entities),
        language=language,
    )


YES = means(act="affirm", text="tak")
NO = means(act="deny", text="nie")
AGENT = means("agent", act="agent", text="konsultant")
NONSENSE = means(decision="reject", text="pogoda")


class Call(Rehearsal):
    """A rehearsed call that has started, with what the tests ask of it."""

    def __init__(
        self,
        bundle: Bundle,
        *,
        at: datetime = WEDNESDAY_NOON,
        number: str | None = MOBILE,
        segment: Segment = Segment.MASS,
        trust: NumberTrust = NumberTrust.TRUNK,
        caller: dict[str, Any] | None = None,
        refuse: Collection[str] = (),
        app: str = "confirms",
        advisor: str = "none",
        **started: Any,
    ) -> None:
        super().__init__(bundle, None, at=at, refuse=refuse, app=app, advisor=advisor)
        self.start(CallStarted(Caller(number=number, trust=trust, segment=segment, **(caller or {})), **started))

    def hears(self, *understandings: Understanding) -> Call:
        """The caller says these things one after another, each after the bot has finished."""
        for understanding in understandings:
            self.say(understanding.text, understanding)
        return self

    def presses(self, keys: str) -> Call:
        """The caller presses these keys."""
        for key in keys:
            self.press(key)
        return self

    def silent(self, times: int = 1) -> Call:
        """The caller says nothing until the bot speaks again."""
        for _ in range(times):
            self.stay_silent()
        return self

    def waits(self) -> Call:
        """The caller listens to everything."""
        self.finish_speech()
        return self

    @property
    def said(self) -> list[str]:
        """The prompts' ids in the order they were spoken."""
        return [prompt.id for action in self.actions if isinstance(action, Say) for prompt in action.prompts]

    @property
    def last_said(self) -> list[str]:
        """The prompts' ids of the last event that made the bot speak."""
        for exchange in reversed(self.exchanges):
            ids = [prompt.id for action in exchange.actions if isinstance(action, Say) for prompt in action.prompts]
            if ids:
                return ids
        return []

    @property
    def handed(self) -> HandOff:
        """The last hand-off; the test fails when there is none."""
        assert self.hand_off is not None, f"no hand-off; said: {self.said}"
        return self.hand_off

    @property
    def place(self) -> tuple[str, int]:
        """Queue and priority of the last hand-off."""
        return self.handed.queue, self.handed.priority

    @property
    def ended(self) -> str | None:
        """Why the bot hung up."""
        return next((action.reason for action in self.actions if isinstance(action, HangUp)), None)

    def decisions(self, kind: str) -> list[Decided]:
        """The decisions of this kind."""
        return [action for action in self.actions if isinstance(action, Decided) and action.kind == kind]
