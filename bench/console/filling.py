"""Many calls out of few: the calls of a simulated month, held by the real engine, multiplied over days, callers and words.

What a figure or an index goes by is varied as traffic varies it: when calls come, who calls (some often, most once), what is
said (a third word for word as others say it, the rest in words of its own), and what became of the hand-off. The journal is kept
whole for one call in ten and for the oldest day, of the others only what callers said: pages read one journal at a time.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from bench.traffic.month import moments
from dialogs.data.bundle import Bundle
from voicebot.records import schema
from voicebot.records.engine import file_of, open_engine
from voicebot.records.folding import folded

CHUNK = 5000
_WHOLE = 10
"""One journal in so many is kept whole."""
_SAME_WORDS = 0.3
_COMMON = 400
"""Words that lines are made longer with; the n-th is said 1/n as often as the first (Zipf)."""
TABLES = ("calls", "call_lines", "utterances", "handoff_events")

Row = list[Any]
Rows = Mapping[str, list[Row]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be there. The same plan gives the same rows."""

    calls: int
    days: int
    end: datetime
    seed: int = 1

    def encode(self) -> dict[str, Any]:
        """As JSON values."""
        return {"calls": self.calls, "days": self.days, "end": self.end.isoformat(), "seed": self.seed}

    @classmethod
    def of_folder(cls, folder: Path, calls: int, days: int) -> Plan:
        """The plan that the folder was begun with, or a new one."""
        kept = folder / f"plan-{calls}.json"
        if kept.exists():
            told = json.loads(kept.read_text(encoding="utf-8"))
            return cls(told["calls"], told["days"], datetime.fromisoformat(told["end"]), told["seed"])
        plan = cls(calls, days, datetime.now(UTC).replace(microsecond=0))
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(plan.encode()), encoding="utf-8")
        return plan


@dataclass(slots=True)
class Base:
    """The calls that others are made of: rows as SQLite has them, by table."""

    names: dict[str, list[str]]
    calls: list[Row]
    lines: dict[str, list[Row]]
    said: dict[str, list[Row]]
    events: dict[str, list[Row]]
    alike: dict[tuple[Any, ...], list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    """What else is said by language, matter and decision, and the same folded."""
    words: list[str] = field(default_factory=list)
    """Most common first."""
    around: dict[tuple[str, int], tuple[str, str]] = field(default_factory=dict)
    """By call and position: the data of a line before and behind what was said."""

    @classmethod
    def read(cls, path: Path) -> Base:
        """Of a database that `bench.traffic` made."""
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        names = {table: [each[1] for each in connection.execute(f"PRAGMA table_info({table})")] for table in TABLES}
        rows = {
            table: [list(row) for row in connection.execute(f"SELECT {_listed(names[table])} FROM {table}")] for table in TABLES
        }
        connection.close()
        base = cls(
            names,
            rows["calls"],
            _by(rows["call_lines"], names["call_lines"].index("call_id")),
            _by(rows["utterances"], names["utterances"].index("call_id")),
            _by(rows["handoff_events"], names["handoff_events"].index("ref")),
        )
        counts: dict[str, int] = defaultdict(int)
        at = {name: place for place, name in enumerate(names["utterances"])}
        for row in rows["utterances"]:
            text, place = row[at["text"]], (row[at["call_id"]], row[at["position"]])
            base.alike[(row[at["language"]], row[at["intent"]], row[at["decision"]])].append((text, folded(text)))
            (data,) = (line[-1] for line in base.lines[place[0]] if line[1] == place[1])
            before, found, behind = data.partition(f'"text": {json.dumps(text)}')
            if not found:
                before, _, behind = data.partition(f'"text": {json.dumps(text, ensure_ascii=False)}')
            base.around[place] = (before, behind)
            for word in text.split():
                counts[word] += 1
        base.words = sorted(counts, key=lambda word: (-counts[word], word))
        return base


class Multiplied:
    """Rows of as many calls as are planned, chunk by chunk."""

    def __init__(self, base: Base, plan: Plan, bundle: Bundle, hashes: Sequence[str]) -> None:
        """`hashes` are those of the callers' numbers."""
        self._base, self._plan, self._hashes = base, plan, hashes
        times = moments(bundle, end=plan.end, days=plan.days, count=plan.calls, rng=Random(f"{plan.seed} times"))
        self._times = [at.astimezone(UTC) for at in times]
        self._first_day = self._times[0] + timedelta(days=1)
        self._common = [(word, folded(word)) for word in base.words[:_COMMON]]
        self._shares = list(accumulate(1 / (place + 1) for place in range(len(self._common))))
        self._at = {table: {name: place for place, name in enumerate(names)} for table, names in base.names.items()}

    @property
    def chunks(self) -> int:
        """How many there are."""
        return -(-self._plan.calls // CHUNK)

    def chunk(self, number: int) -> Rows:
        """Its rows by table; times are aware."""
        rng = Random(f"{self._plan.seed} chunk {number}")
        rows: Rows = {table: [] for table in TABLES}
        for at in self._times[number * CHUNK : (number + 1) * CHUNK]:
            self._call(rows, at, rng)
        return rows

    def _call(self, rows: Rows, at: datetime, rng: Random) -> None:
        names, call = self._at["calls"], list(rng.choice(self._base.calls))
        old_id, old_ref, began = call[names["call_id"]], call[names["handoff_ref"]], _time(call[names["started"]])
        call_id = f"{at:%Y%m%d-%H%M%S}-{rng.getrandbits(24):06x}"
        ref = f"sim{rng.getrandbits(96):024x}" if old_ref is not None else None
        caller = int(len(self._hashes) * rng.random() ** 1.6)  # some call often
        call[names["call_id"]], call[names["handoff_ref"]], call[names["started"]] = call_id, ref, at
        call[names["ended"]] = at + (_time(call[names["ended"]]) - began)
        call[names["number"]] = f"+48…{number_of(caller)[-3:]}"
        call[names["number_hash"]] = self._hashes[caller]
        rows["calls"].append(call)
        words = self._said(rows, old_id, call_id, rng)
        self._journal(rows, old_id, call_id, words, whole=at < self._first_day or rng.randrange(_WHOLE) == 0)
        if ref is not None:
            self._events(rows, old_ref, ref, at - began)

    def _said(self, rows: Rows, old_id: str, call_id: str, rng: Random) -> dict[int, str]:
        """The words by position."""
        names, words = self._at["utterances"], {}
        for row in self._base.said.get(old_id, ()):
            made = list(row)
            parts = [rng.choice(self._base.alike[(made[names["language"]], made[names["intent"]], made[names["decision"]])])]
            if rng.random() > _SAME_WORDS:
                parts += rng.choices(self._common, cum_weights=self._shares, k=rng.randrange(1, 5))
            text = " ".join(each for each, _ in parts)
            made[names["call_id"]], made[names["text"]] = call_id, text
            made[names["folded"]] = " ".join(each for _, each in parts if each)
            if made[names["confidence"]] is not None:
                made[names["confidence"]] = min(1.0, max(0.0, made[names["confidence"]] + rng.uniform(-0.05, 0.05)))
            rows["utterances"].append(made)
            words[made[names["position"]]] = text
        return words

    def _journal(self, rows: Rows, old_id: str, call_id: str, words: Mapping[int, str], *, whole: bool) -> None:
        names = self._at["call_lines"]
        for row in self._base.lines.get(old_id, ()):
            position = row[names["position"]]
            if position in words or whole:
                made = list(row)
                made[names["call_id"]] = call_id
                if position in words:
                    before, behind = self._base.around[(old_id, position)]
                    made[names["data"]] = f'{before}"text": {json.dumps(words[position])}{behind}'
                rows["call_lines"].append(made)

    def _events(self, rows: Rows, old_ref: str, ref: str, later: timedelta) -> None:
        names = self._at["handoff_events"]
        for row in self._base.events.get(old_ref, ()):
            made = list(row)
            made[names["ref"]] = ref
            made[names["at"]] = _time(made[names["at"]]) + later
            made[names["received_at"]] = made[names["at"]] + timedelta(seconds=2)
            rows["handoff_events"].append(made)


def number_of(caller: int) -> str:
    """The number of a caller, E.164."""
    return f"+48{500_000_000 + caller * 613 % 399_999_999}"


def fill(urls: Sequence[str], made: Multiplied, names: Mapping[str, Sequence[str]], calls: int, *, beside: bool = False) -> None:
    """Bring databases up to what is planned; interrupted, it goes on where it was: a chunk is written whole or not at all.
    `beside`: beside what is there already.
    """
    targets = [_target(url) for url in urls]
    done = [0 if beside else -(-each.count() // CHUNK) for each in targets]
    first, began = min(done), time.monotonic()
    for number in range(first, made.chunks):
        rows = made.chunk(number)
        for target, there in zip(targets, done, strict=True):
            if number >= there:
                target.write(names, rows)
        rate = (number + 1 - first) * CHUNK / (time.monotonic() - began)
        left = timedelta(seconds=round((made.chunks - number - 1) * CHUNK / rate))
        told = f"{min(calls, (number + 1) * CHUNK):,} of {calls:,} calls, {rate:,.0f} a second, {left} left"
        print(f"\r… {told}  ", end="", file=sys.stderr, flush=True)
    for target, there in zip(targets, done, strict=True):
        target.close(written=there < made.chunks and not beside)


def _target(url: str) -> _Sqlite | _Postgresql:
    engine = open_engine(url)
    schema.upgrade(engine)
    engine.dispose()
    file = file_of(make_url(url))
    return _Sqlite(file) if file is not None else _Postgresql(url)


class _Sqlite:
    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        for pragma in ("synchronous=OFF", "cache_size=-200000", "foreign_keys=OFF"):
            self._connection.execute(f"PRAGMA {pragma}")

    def count(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM calls").fetchone()[0])

    def write(self, names: Mapping[str, Sequence[str]], rows: Rows) -> None:
        self._connection.execute("BEGIN")
        for table in TABLES:
            places = ", ".join("?" * len(names[table]))
            order = f"INSERT INTO {table} ({_listed(names[table])}) VALUES ({places})"
            self._connection.executemany(order, ([_text(value) for value in row] for row in rows[table]))
        self._connection.execute("COMMIT")

    def close(self, *, written: bool) -> None:
        # what comes next does not wait for what was written here
        self._connection.executescript("PRAGMA synchronous=FULL; PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()


class _Postgresql:
    def __init__(self, url: str) -> None:
        told = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(told, autocommit=True)
        self._connection.execute("SET session_replication_role = replica")  # rows are of calls that are there
        self._connection.execute("SET synchronous_commit = off")
        self._flags = {
            (str(table), str(name))
            for table, name in self._connection.execute(
                "SELECT table_name, column_name FROM information_schema.columns WHERE data_type = 'boolean'"
            )
        }

    def count(self) -> int:
        found = self._connection.execute("SELECT count(*) FROM calls").fetchone()
        return int(found[0]) if found is not None else 0

    def write(self, names: Mapping[str, Sequence[str]], rows: Rows) -> None:
        with self._connection.transaction():
            for table in TABLES:
                flags = [place for place, name in enumerate(names[table]) if (table, name) in self._flags]
                with self._connection.cursor().copy(f"COPY {table} ({_listed(names[table])}) FROM STDIN") as copy:
                    for row in rows[table]:
                        for place in flags:
                            row[place] = bool(row[place])
                        copy.write_row(row)

    def close(self, *, written: bool) -> None:
        if written:
            self._connection.execute("VACUUM ANALYZE")  # as autovacuum does
        self._connection.close()


def _text(value: Any) -> Any:
    """As SQLAlchemy writes a time into SQLite."""
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


def _time(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def _by(rows: Sequence[Row], place: int) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[place]].append(row)
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def hashed(numbers: int, hash_of: Any) -> Iterator[str]:
    """The keyed hashes of so many callers."""
    return (hash_of(number_of(caller)) for caller in range(numbers))
