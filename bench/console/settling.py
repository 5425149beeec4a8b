"""What stands beside the calls: roll-ups, the daily sample with labels, findings of studies, cases, the audit trail."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Engine, func, insert, select

from dialogs.data.bundle import Bundle
from voicebot.cases.case import Case
from voicebot.cases.store import Cases
from voicebot.figures.rollup import RollUp
from voicebot.identity.audit_table import AuditTable, Note, canonical, moment
from voicebot.records.models import AuditRow, CallRow, UtteranceRow
from voicebot.review.models import LabelRow, SampleRow
from voicebot.review.queues import Queue
from voicebot.review.sampling import Sampler
from voicebot.review.studies import CLUSTERS, Studies

_LABELLED = 0.8
_MENDED, _FOUND, _GROUPS, _MEMBERS = 2000, 1500, 60, 8
_CASES, _NOTES, _AT_ONCE = 3000, 20_000, 1000


def settle(engine: Engine, url: str, bundle: Bundle, now: datetime) -> None:
    """Bring all of it up to date; what is there stays."""
    with engine.connect() as connection:
        settled = (connection.scalar(select(func.count()).select_from(AuditRow)) or 0) >= _NOTES
    began = time.monotonic()

    def told(done: int, of: int) -> None:
        print(f"\r… {done} of {of} days counted, {time.monotonic() - began:.0f} s ", end="", file=sys.stderr, flush=True)

    zone = bundle.calendar.zone
    RollUp(engine, bundle.routes, zone).refresh(now, told)
    print(file=sys.stderr)
    Sampler(engine, zone, lambda: ()).draw_missing(now)
    if settled:
        return
    rng = Random("beside the calls")
    lines = _lines(engine, now)
    matters = sorted(bundle.routes.matters)
    _label(engine, lines, matters, now, rng)
    studies = Studies(engine)
    for queue in (Queue.NEW_MODEL, Queue.DOUBTED):
        found = [
            {**_place(row), "was": f"accept {row.intent}", "found": f"accept {rng.choice(matters)}", "sure": 0.8, "hits": 1}
            for row in rng.sample(lines, min(_FOUND, len(lines)))
        ]
        studies.keep(queue.value, found, now)
    if studies.begin(CLUSTERS, "bench", now):
        studies.end(CLUSTERS, now, now, result={"lines": len(lines), "groups": [_group(lines, now, rng) for _ in range(_GROUPS)]})
    cases = Cases(engine)
    for row in rng.sample(lines, min(_CASES, len(lines))):
        due = now + timedelta(hours=rng.uniform(-48, 48))
        ref, to = f"case{rng.getrandbits(64):016x}", rng.choice(list(bundle.queues))
        cases.open(Case(ref, "message", to, row.intent, "pl", 0, row.text, row.call_id, now, now, due))
    audit = AuditTable(url)
    for _ in range(_NOTES // _AT_ONCE):
        facts = [canonical({"who": f"person-{rng.randrange(20)}", "call": rng.choice(lines).call_id}) for _ in range(_AT_ONCE)]
        what = rng.choice(("call.read", "review.taught", "calls.exported"))
        audit.append([Note(secrets.token_hex(16), moment(now), what, each) for each in facts])
    audit.close()


def _lines(engine: Engine, now: datetime) -> list[Any]:
    """Some of the latest lines."""
    chosen = (
        select(UtteranceRow)
        .join(CallRow, CallRow.call_id == UtteranceRow.call_id)
        .where(CallRow.started > now - timedelta(days=30))
        .order_by(CallRow.started.desc())
        .limit(20_000)
    )
    with engine.connect() as connection:
        return list(connection.execute(chosen).all())


def _label(engine: Engine, lines: Sequence[Any], matters: Sequence[str], now: datetime, rng: Random) -> None:
    """Most of the sample, a tenth of it by two people; and some lines of the other queues."""
    own = (SampleRow.call_id == UtteranceRow.call_id, SampleRow.position == UtteranceRow.position)
    rows = []
    with engine.connect() as connection:
        sample = connection.execute(select(UtteranceRow, SampleRow.twice).join(SampleRow, own[0] & own[1])).all()
    for row in sample:
        if rng.random() < _LABELLED:
            rows += [_labelled(row, who, "sample", matters, now, rng) for who in (("anna", "jan") if row.twice else ("anna",))]
    rows += [_labelled(row, "anna", "doubtful", matters, now, rng) for row in rng.sample(lines, min(_MENDED, len(lines)))]
    once = {(row["call_id"], row["position"], row["who"]): row for row in rows}
    with engine.begin() as connection:
        connection.execute(insert(LabelRow), list(once.values()))


def _labelled(row: Any, who: str, queue: str, matters: Sequence[str], now: datetime, rng: Random) -> dict[str, Any]:
    label = row.intent if row.intent and rng.random() < 0.9 else rng.choice(matters)
    told = {"text": row.text, "folded": row.folded, "language": row.language, "decided": row.intent, "decision": row.decision}
    return {**_place(row), **told, "label": label, "who": who, "queue": queue, "at": now - timedelta(days=rng.uniform(1, 20))}


def _group(lines: Sequence[Any], now: datetime, rng: Random) -> dict[str, Any]:
    members = rng.sample(lines, _MEMBERS)
    told = {"language": "pl", "words": members[0].text.split()[:4], "suggestion": None, "share": 0.01, "count": 90}
    first = (now - timedelta(days=30)).isoformat()
    seen = {"different": 40, "first": first, "last": now.isoformat()}
    return {**told, **seen, "members": [{**_place(row), "hits": 2} for row in members]}


def _place(row: Any) -> dict[str, Any]:
    return {"call_id": row.call_id, "position": row.position}
