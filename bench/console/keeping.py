"""Writers beside long work: how long a call's record takes to be written while days are rolled up or deleted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, func, select

from bench.console.filling import Base, Multiplied, Plan, fill
from bench.load.tables import table
from bench.parts import doing
from dialogs.data.bundle import load_bundle
from voicebot.figures.models import CallDayRow, DayRow
from voicebot.figures.rollup import RollUp
from voicebot.memory import peak_bytes
from voicebot.records.call_files import CallFiles
from voicebot.records.database import Database
from voicebot.records.engine import open_engine
from voicebot.records.models import CallRow
from voicebot.records.retention import Retention
from voicebot.records.spool import Spool
from voicebot.records.summary import CallRecord

ALONE_S, EVERY_S = 20.0, 0.1
_DELETED = 20_000
_STOPPED_AFTER = 5
"""Days after which the roll-up is killed once."""


@dataclass(frozen=True, slots=True)
class Written:
    """What writing took."""

    seconds: list[float]
    work_s: float
    """How long the work took that was done beside."""
    memory_mb: float = 0.0
    """That the process of the work held at most."""

    def row(self, name: str) -> list[str]:
        """Of the table."""
        ordered = sorted(self.seconds)
        p50, p95, most = (1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.95, 1.0))
        work = f"{self.work_s:.0f} s" if self.work_s else "–"
        memory = f"{self.memory_mb:.0f} MB" if self.memory_mb else "–"
        return [name, str(len(ordered)), f"{p50:.1f}, {p95:.1f}, {most:.0f} ms", work, memory]


def measure(kind: str, url: str, folder: Path, plan: Plan) -> Iterator[list[str]]:
    """Rows, each as it is found: writing alone, beside a first roll-up that is killed once, beside the deletion of a day."""
    record = _some_record(url, plan)
    doing(f"{kind}: writing alone")
    yield _written(url, record, lambda: False, ALONE_S).row(f"{kind}, alone")
    forget_days(url)
    doing(f"{kind}: a first roll-up, some minutes for a million calls")
    counting = [sys.executable, "-m", "bench.console.keeping", url, plan.end.isoformat()]
    began, killed_at = time.monotonic(), 0
    process = _started(counting)
    while (days := days_counted(url)) < _STOPPED_AFTER and process.poll() is None:
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed_at = days
    process = _started(counting)
    told = _written(url, record, lambda: process.poll() is None)
    memory = float((process.communicate()[0] or "0").split()[-1])
    name = f"{kind}, first roll-up (killed after {killed_at} of {days_counted(url)} days, and begun again)"
    yield replace(told, work_s=time.monotonic() - began, memory_mb=memory).row(name)
    doing(f"{kind}: {_DELETED:,} calls of a day are written, and deleted")
    yield _beside_deletion(kind, url, folder, plan, record)
    database = Database(url)
    database.delete([record.summary.call_id])
    database.close()


def _beside_deletion(kind: str, url: str, folder: Path, plan: Plan, record: CallRecord) -> list[str]:
    """A day of calls older than all others is written, and deleted by retention."""
    engine = open_engine(url)
    with engine.connect() as connection:
        first: datetime = connection.execute(select(func.min(CallRow.started))).scalar_one()
    engine.dispose()
    end = (first - timedelta(days=3)).replace(hour=18, minute=0)  # of the same day in every zone of Europe: calls lie before it
    base = Base.read(folder / "base" / "calls.db")
    old = Plan(_DELETED, 1, end, seed=time.time_ns())  # others each time: what became of their hand-offs is kept
    fill(
        [url],
        Multiplied(base, old, load_bundle(), [f"{caller:064x}" for caller in range(1000)]),
        base.names,
        _DELETED,
        beside=True,
    )
    deleting = _started([sys.executable, "-m", "bench.console.keeping", url, (end + timedelta(days=1)).isoformat(), "delete"])
    told = _written(url, record, lambda: deleting.poll() is None)
    took, memory = map(float, (deleting.communicate()[0] or "0 0").split()[-2:])
    return replace(told, work_s=took, memory_mb=memory).row(f"{kind}, {_DELETED:,} calls of a day deleted")


def _started(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _some_record(url: str, plan: Plan) -> CallRecord:
    """A call as it was, under an id of its own."""
    database = Database(url)
    (latest,) = database.calls(limit=1)
    found = database.call(latest.call_id)
    database.close()
    if found is None:
        raise SystemExit("the newest call is gone")
    return replace(
        found, summary=replace(found.summary, call_id="bench-writer", started=plan.end, ended=plan.end, handoff_ref=None)
    )


def _written(url: str, record: CallRecord, goes_on: Callable[[], bool], at_least_s: float = 0.0) -> Written:
    """The record written again and again, ten times a second."""
    database, took, began = Database(url), [], time.monotonic()
    database.write(record)
    while goes_on() or time.monotonic() - began < at_least_s:
        at = time.perf_counter()
        database.write(record)
        took.append(time.perf_counter() - at)
        time.sleep(EVERY_S)
    database.close()
    return Written(took or [0.0], 0.0)


def forget_days(url: str) -> None:
    """As if nothing was ever rolled up."""
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(delete(CallDayRow))
        connection.execute(delete(DayRow))
    engine.dispose()


def days_counted(url: str) -> int:
    """That are rolled up."""
    engine = open_engine(url)
    with engine.connect() as connection:
        count = connection.scalar(select(func.count()).select_from(DayRow)) or 0
    engine.dispose()
    return count


def main() -> None:
    """The work, in a process of its own: it prints its seconds and the megabytes that it held at most."""
    url, at = sys.argv[1], datetime.fromisoformat(sys.argv[2])
    os.nice(5)
    began = time.monotonic()
    if sys.argv[3:] == ["delete"]:
        database = Database(url)
        folder = Path("/nonexistent")
        retention = Retention(
            database, Spool(folder, create=False), CallFiles(None), keep_days=0, clock=lambda: at.astimezone(UTC)
        )
        retention.work()
        while retention.due_at < time.monotonic() + 10:
            time.sleep(max(0.0, retention.due_at - time.monotonic()))
            retention.work()
        database.close()
    else:
        bundle, engine = load_bundle(), open_engine(url)
        RollUp(engine, bundle.routes, bundle.calendar.zone).refresh(at)
        engine.dispose()
    print(f"{time.monotonic() - began:.1f} {(peak_bytes() or 0) / (1 << 20):.0f}")


def keeping_table(rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    return table(
        ("database, and what goes on", "records written", "a record: p50, p95, most", "the work took", "its memory"), rows
    )


if __name__ == "__main__":
    main()
