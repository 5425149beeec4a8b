"""Who would hear what: the real dialogue, played with and without a switch, for each matter that it touches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from sqlalchemy import Engine, func, select

from caller_id.types import Caller
from dialogs.data.bundle import Bundle
from dialogs.events import CallStarted, Conditions, HandOff, Say, Switch
from dialogs.rehearsal.meanings import parse_meaning
from dialogs.rehearsal.rehearsal import Rehearsal
from voicebot.records.models import CallRow
from voicebot.state.conditions import LiveConditions, SwitchKind, SwitchSetting
from voicebot.talk.told import words_of

_A_WORD = "x"
"""What it means is given beside it; a line without a word would be asked for again."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What callers with one matter would hear, and where they would go."""

    matter: str
    before: tuple[str, ...]
    """The texts that the bot says now, in order."""
    after: tuple[str, ...]
    """With the switch."""
    queue_before: str
    queue_after: str
    """"" where the call ends without a hand-off."""
    calls: float | None
    """Calls to expect until the switch ends today, by the same hours of the last four weeks; None: no records."""


def preview(setting: SwitchSetting, now_on: LiveConditions, bundle: Bundle, language: str) -> list[Changed]:
    """What would change with this switch, by matter; matters that it does not touch are left out. Takes about 1 ms a matter."""
    before = now_on.for_dialogue(setting.when)
    switch = Switch(setting.kind.value, setting.who, setting.when.isoformat(), setting.queue, setting.prompt)
    others = tuple(each for each in before.switches if (each.name, each.queue) != (switch.name, switch.queue))
    after = Conditions(before.waits, (*others, switch) if setting.on else others)
    found = []
    for matter, route in bundle.routes.matters.items():
        if setting.kind is SwitchKind.CLOSURE and setting.queue and route.queue != setting.queue and route.human != setting.queue:
            continue
        was, will = (_played(bundle, matter, language, setting.when, each) for each in (before, after))
        if was != will:
            found.append(Changed(matter, was[0], will[0], was[1], will[1], None))
    return found


def _played(bundle: Bundle, matter: str, language: str, at: datetime, conditions: Conditions) -> tuple[tuple[str, ...], str]:
    """What the bot says to a caller who names this matter, and the queue."""
    call = Rehearsal(bundle, None, at=at, app="no_app")
    call.start(CallStarted(Caller(), language=language, conditions=conditions))
    call.say(_A_WORD, parse_meaning(matter, _A_WORD))
    call.finish_speech()
    said = [action for action in call.actions if isinstance(action, Say)]
    texts = tuple(words_of(action, bundle, at) for action in said)
    handed = [action.queue for action in call.actions if isinstance(action, HandOff)]
    return texts, handed[-1] if handed else ""


def expected_calls(
    engine: Engine, matters: Iterable[str], now: datetime, until: datetime | None, bundle: Bundle
) -> dict[str, float]:
    """Calls to expect by matter between now and the end of the switch (or of today), by the same hours of the last four weeks on
    this day of the week. Blocks; raises what SQLAlchemy raises.
    """
    wanted = list(matters)
    local = bundle.calendar.local(now)
    midnight = datetime.combine(local.date() + timedelta(days=1), time(), bundle.calendar.zone)
    length = min(until or midnight, midnight) - now
    counted: dict[str, int] = dict.fromkeys(wanted, 0)
    with engine.connect() as connection:
        for week in range(1, 5):
            begin = now - timedelta(weeks=week)
            chosen = (
                select(CallRow.intent, func.count())
                .where(CallRow.started >= begin, CallRow.started < begin + length, CallRow.intent.in_(wanted))
                .group_by(CallRow.intent)
            )
            for matter, count in connection.execute(chosen):
                counted[str(matter)] += count
    return {matter: count / 4 for matter, count in counted.items()}


def with_expected(changes: Sequence[Changed], expected: dict[str, float]) -> list[Changed]:
    """The changes with the calls to expect, those of most callers first."""
    told = [replace(each, calls=expected.get(each.matter)) for each in changes]
    return sorted(told, key=lambda each: -(each.calls or 0.0))
