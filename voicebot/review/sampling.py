"""The daily random sample: strata by decision, shares of the sample by Neyman, the probability of each line kept with it."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from random import Random

from sqlalchemy import Engine, func, insert, select
from sqlalchemy.orm import Session

from voicebot.figures.estimates import neyman
from voicebot.records import schema
from voicebot.records.models import CallRow, UtteranceRow
from voicebot.review.models import SampleRow

LINES_A_DAY = 60
TWICE = 0.1
EXPECTED_WRONG = {"accept": 0.05, "confirm": 0.15, "choose": 0.3, "reject": 0.5}
"""How often each decision is expected to be wrong: only how the sample is shared out goes by it, never a figure."""


def stratum_of(decision: str | None) -> str:
    """Which part of the traffic a line belongs to."""
    return decision if decision in EXPECTED_WRONG else "other"


def draw(engine: Engine, day: date, begin: datetime, end: datetime, *, lines: int = LINES_A_DAY) -> int:
    """Draw the sample of a day that is over, once; how many lines it has. The same day gives the same lines. Blocks; raises what
    SQLAlchemy raises.
    """
    schema.ready(engine)
    said = (
        select(UtteranceRow.call_id, UtteranceRow.position, UtteranceRow.decision)
        .join(CallRow, CallRow.call_id == UtteranceRow.call_id)
        .where(CallRow.started >= begin, CallRow.started < end, UtteranceRow.text != "")
        .order_by(UtteranceRow.call_id, UtteranceRow.position)
    )
    with Session(engine) as session, session.begin():
        there = session.scalar(select(func.count()).select_from(SampleRow).where(SampleRow.day == day)) or 0
        if there:
            return there
        strata: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for call_id, position, decision in session.execute(said):
            strata[stratum_of(decision)].append((call_id, position))
        rng = Random(f"sample {day.isoformat()}")  # noqa: S311 - to be drawn again, not to be secret
        sizes = neyman({name: (len(found), EXPECTED_WRONG.get(name, 0.2)) for name, found in strata.items()}, lines)
        drawn = [
            (call_id, position, name, sizes[name] / len(strata[name]))
            for name in sorted(sizes)
            for call_id, position in rng.sample(strata[name], min(sizes[name], len(strata[name])))
        ]
        rng.shuffle(drawn)
        rows = [
            {
                "call_id": call_id,
                "position": position,
                "day": day,
                "place": place,
                "stratum": name,
                "probability": min(1.0, probability),
                "twice": rng.random() < TWICE,
            }
            for place, (call_id, position, name, probability) in enumerate(drawn)
        ]
        if rows:
            session.execute(insert(SampleRow), rows)
        return len(rows)
