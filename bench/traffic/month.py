"""When the calls of a month come, and the record that each leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from random import Random

from bench.talk.calls import Held, play
from bench.talk.people import Person, person
from bench.talk.phrases import Phrases
from dialogs.data.bundle import Bundle
from dialogs.events import HandOff
from dialogs.rehearsal.rehearsal import Exchange
from nlu.types import Understander
from voicebot.conversation.session import new_call_id
from voicebot.handoff.record import HandOffRecord, make_record
from voicebot.handoff.service import KEEP_WAITING_FOR
from voicebot.records.journal import Journal
from voicebot.records.summarise import summarise
from voicebot.records.summary import CallRecord


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """One call that was held."""

    record: CallRecord
    held: Held
    """What came of it."""
    handed: HandOffRecord | None
    """What the agent's screen shows; None where nobody took it over."""


# share of a day's calls by hour, as bank hotlines have it: two humps, little at night
_HOURS = (1, 1, 1, 1, 1, 2, 4, 10, 30, 48, 55, 52, 46, 44, 45, 46, 44, 38, 26, 18, 12, 8, 4, 2)
_WEEK = (115, 105, 100, 98, 96, 34, 22)


def moments(bundle: Bundle, *, end: datetime, days: int, count: int, rng: Random) -> list[datetime]:
    """So many times within the days before `end`, oldest first."""
    today = bundle.calendar.local(end).date()
    dates = [today - timedelta(days=ahead) for ahead in range(days)]
    found: list[datetime] = []
    while len(found) < count:
        day = rng.choices(dates, [_WEEK[date.weekday()] for date in dates])[0]
        hour = rng.choices(range(24), _HOURS)[0]
        at = datetime.combine(day, time(hour, rng.randrange(60), rng.randrange(60)), bundle.calendar.zone)
        if at < end:
            found.append(at)
    return sorted(found)


def traffic(
    phrases: dict[str, Phrases], bundle: Bundle, understander: Understander, *, times: list[datetime], seed: int
) -> Iterator[SimulatedCall]:
    """One call at each of these times. The same seed gives the same calls; who called lately sometimes calls again."""
    rng = Random(f"{seed} traffic")
    lately: list[Person] = []
    for number, at in enumerate(times):
        language = "pl" if rng.random() < 0.93 else "en"
        who = person(phrases[language], bundle, f"{language}-{number:05}", seed)
        if lately and rng.random() < 0.08:
            before = rng.choice(lately)
            who = replace(who, caller=before.caller) if before.language == who.language else who
        who = replace(who, at=at)
        lately = [*lately[-40:], who]
        held, exchanges = play(who, phrases[who.language], bundle, understander)
        record = record_of(who, held, exchanges, bundle, rng)
        yield SimulatedCall(record, held, handed_of(who, record, exchanges))


def record_of(who: Person, held: Held, exchanges: list[Exchange], bundle: Bundle, rng: Random) -> CallRecord:
    """The call as the service would have kept it."""
    now = [0.0]
    journal = Journal(new_call_id(who.at), started=who.at, clock=lambda: now[0])
    for exchange in exchanges:
        now[0] = (exchange.at - who.at).total_seconds()
        journal.happened(exchange.event)
        for action in exchange.actions:
            journal.did(action)
        if getattr(exchange.event, "understanding", None) is not None:
            journal.note("latency", response_ms=round(rng.lognormvariate(6.1, 0.25)))
    journal.close(held.outcome)
    line = "main" if who.language == "pl" else "english"
    summary = summarise(journal, caller=who.caller, line=line, bundle_version=bundle.version)
    ref = f"sim{rng.getrandbits(96):024x}" if summary.queue is not None else None
    return CallRecord(replace(summary, handoff_ref=ref), journal.lines)


def handed_of(who: Person, record: CallRecord, exchanges: Sequence[Exchange]) -> HandOffRecord | None:
    """The hand-off as the service would have kept it, under the reference that the record names."""
    actions = [action for exchange in exchanges for action in exchange.actions if isinstance(action, HandOff)]
    call, ref = record.summary, record.summary.handoff_ref
    if not actions or ref is None:
        return None
    made = make_record(
        actions[-1], caller=who.caller, call_id=call.call_id, call_ref="", now=call.ended, keep_for=KEEP_WAITING_FOR
    )
    return replace(made, ref=ref)
