"""The database behind the records: writing, reading, finding and deleting rows."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from caller_id.phone_numbers import shorten
from dialogs.events import CallStarted
from voicebot.errors import RecordsError
from voicebot.records import schema
from voicebot.records.among import among
from voicebot.records.database_time import DatabaseTime
from voicebot.records.engine import FileId, file_id, file_of, open_engine
from voicebot.records.folding import folded
from voicebot.records.listing import COLUMNS, CallFilter, listed, summary_of
from voicebot.records.models import CallRow, LineRow, NoteRow, ShadowRow, UtteranceRow
from voicebot.records.shadow import ShadowDecision
from voicebot.records.summary import CallRecord, CallSummary, SurveyCount

_FORGOTTEN_AT_ONCE = 500  # numbers of calls
_PURGED_AT_ONCE = 100
BREATH_S = 0.12
"""Between parts of long work, in seconds: a writer of another process who finds SQLite locked asks again every 0.1 s."""
_FOR_READERS_MS = 200
_MERGED_AT_ONCE = 150  # pages of the index of words
_FREED_AT_ONCE = 1000  # pages of the file, some 4 MB
_BEGINNING = (LineRow.position < 8, LineRow.what == "event", LineRow.data["type"].as_string() == CallStarted.__name__)
"""The line of a journal that says how a call began: it is among the first."""
_INCREMENTAL = 2  # what `PRAGMA auto_vacuum` answers


class Database:
    """Call records in SQL. Methods raise what SQLAlchemy raises, and RecordsError when the tables are newer than this code; they
    block, so they belong in a thread.
    """

    def __init__(self, url: str) -> None:
        """`url` as SQLAlchemy writes it: sqlite:///calls.db, postgresql+psycopg://user@host/name. Raises RecordsError."""
        self._engine = open_engine(url)
        self._file = file_of(self._engine.url)
        self.time = DatabaseTime(self._engine)
        """By what all processes with this database agree on how old something is."""
        self._preparing = threading.Lock()
        self._prepared: tuple[FileId | None] | None = None

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database."""
        return self._file

    def __str__(self) -> str:
        return str(self._file) if self._file is not None else self._engine.url.render_as_string(hide_password=True)

    # ------------------------------------------------------------------ its state

    def upgrade(self) -> tuple[str | None, str]:
        """Bring the tables up to date; their version before and after."""
        with self._preparing:
            versions = schema.upgrade(self._engine)
            self._prepared = (file_id(self._file),)
            return versions

    def version(self) -> str | None:
        """The version of its tables, None while it has none. A file that is not there is not made."""
        if self._file is not None and not self._file.exists():
            return None
        with self._engine.connect() as connection:
            return schema.current(connection)

    def probe(self) -> None:
        """Try whether it takes a record, without leaving one. Raises what writing a record would raise."""
        self._prepare()
        now = datetime.now(UTC)
        with self._engine.connect() as connection:
            _insert(connection, CallRecord(CallSummary("probe", now, now, "probe"), ({"t": 0.0, "what": "note"},)))
            connection.rollback()

    def damage(self) -> str | None:
        """What is wrong with the file of an SQLite database, by its own check; takes as long as reading all of it."""
        if self._file is None:
            return None
        with self._engine.connect() as connection:
            found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
        return None if found == "ok" else found

    def advice(self, error: Exception) -> str:
        """What is wrong, where, and what to do, for the people who run the service."""
        if isinstance(error, RecordsError):
            return str(error)
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        said = (str(cause).splitlines() or [""])[0].strip() or type(cause).__name__  # what follows may quote values
        return f"{self}: {said}. {self._what_to_do(said)}"

    def _what_to_do(self, said: str) -> str:
        if self._file is None:
            return "See to the server, or to records.database_url"
        if "malformed" in said or "not a database" in said:
            return (
                f"The file is damaged. Move it away with its -wal and -shm files (mv {self._file} {self._file}.damaged), or put "
                f"a backup in its place"
            )
        if "full" in said:
            return "Make room on the disk"
        if "no such" in said or "no column" in said:
            return f"Something was taken out of it. Put a backup in its place, or move it away (mv {self._file} {self._file}.odd)"
        if "locked" in said:
            return "Another program holds it; end that"
        return f"Make {self._file} a file that the service may write, in a folder that it may write"

    def reconnect(self) -> None:
        """Let go of all connections, and look at the tables anew: what was away may come back as another."""
        self._prepared = None
        self._engine.dispose()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _prepare(self) -> None:
        if self._prepared != (file_id(self._file),):
            self.upgrade()

    # ------------------------------------------------------------------ writing and reading

    def write(self, record: CallRecord) -> None:
        """Write a call whole, in place of what there was of it: writing twice does no harm."""
        self._prepare()
        with self._engine.begin() as connection:
            _delete(connection, [record.summary.call_id], for_good=False)
            _insert(connection, record)

    def keep_shadow(self, decisions: Sequence[ShadowDecision]) -> None:
        """What a release in the shadow decided; its calls may be not over yet."""
        self._prepare()
        with self._engine.begin() as connection:
            connection.execute(insert(ShadowRow), [asdict(each) for each in decisions])

    def shadow_of(self, call_ids: Collection[str]) -> list[ShadowDecision]:
        """What releases in the shadow decided in these calls, in order."""
        self._prepare()
        columns = [getattr(ShadowRow, name) for name in ShadowDecision.__dataclass_fields__]
        with self._engine.connect() as connection:
            chosen = select(*columns).where(among(ShadowRow.call_id, call_ids))
            found = [ShadowDecision(*row) for row in connection.execute(chosen)]
        return sorted(found, key=lambda each: (each.call_id, each.position, each.release))

    def calls(self, *, limit: int, before: datetime | None = None) -> list[CallSummary]:
        """The latest calls, newest first; those that started before `before`, for the next page."""
        self._prepare()
        chosen = select(CallRow).order_by(CallRow.started.desc(), CallRow.call_id).limit(limit)
        if before is not None:
            chosen = chosen.where(CallRow.started < before)
        with Session(self._engine) as session:
            return [_summary(row) for row in session.scalars(chosen)]

    def listed(self, chosen: CallFilter) -> Iterator[CallSummary]:
        """All calls that meet the conditions, latest first, in bounded memory."""
        self._prepare()
        return listed(self._engine, chosen)

    def call(self, call_id: str) -> CallRecord | None:
        """One call with its journal, or None."""
        self._prepare()
        with Session(self._engine) as session:
            row = session.get(CallRow, call_id)
            return _record(row) if row is not None else None

    def count(self) -> int:
        """How many calls are kept."""
        self._prepare()
        with Session(self._engine) as session:
            return session.scalar(select(func.count()).select_from(CallRow)) or 0

    def survey(self, since: datetime) -> list[SurveyCount]:
        """Answers to the survey in calls that ended since then, counted by line, matter and answer."""
        self._prepare()
        by = (CallRow.line, CallRow.intent, CallRow.survey)
        counted = select(*by, func.count()).where(CallRow.survey.is_not(None), CallRow.ended >= since).group_by(*by).order_by(*by)
        with Session(self._engine) as session:
            return [SurveyCount(*row) for row in session.execute(counted)]

    # ------------------------------------------------------------------ one person's calls

    def of_number(self, number: str, number_hash: str | None, *, whole: bool = True) -> list[CallRecord]:
        """The calls of an E.164 number, oldest first: those with its hash, and those whose number is kept whole. Not `whole`:
        of their journals only how they began is read.
        """
        self._prepare()
        chosen = select(*COLUMNS).where(_is_of(number, number_hash)).order_by(CallRow.started, CallRow.call_id)
        with self._engine.connect() as connection:
            calls = [summary_of(row) for row in connection.execute(chosen)]
            lines = _lines_of(connection, [call.call_id for call in calls], () if whole else _BEGINNING)
        return [CallRecord(call, lines[call.call_id]) for call in calls]

    def possibly_of(self, number: str) -> int:
        """Calls of which only the country and the last three digits are known, and which fit this number."""
        self._prepare()
        unsure = (CallRow.number == shorten(number), CallRow.number_hash.is_(None))
        with Session(self._engine) as session:
            return session.scalar(select(func.count()).select_from(CallRow).where(*unsure)) or 0

    # ------------------------------------------------------------------ deleting

    def delete(self, call_ids: Collection[str]) -> None:
        """Delete these calls with all that belongs to them; see `forget`."""
        self._prepare()
        with self._engine.begin() as connection:
            _delete(connection, call_ids)

    def purge(self, ended_before: datetime) -> list[CallSummary]:
        """Delete calls that ended before a time, with all that belongs to them, the oldest first, some at once: no other writer
        waits for long. What they were, for their files to follow; none: there are no more.
        """
        self._prepare()
        chosen = select(CallRow).where(CallRow.ended < ended_before).order_by(CallRow.ended).limit(_PURGED_AT_ONCE)
        with Session(self._engine) as session, session.begin():
            old = [_summary(row) for row in session.scalars(chosen)]
            _delete(session.connection(), [summary.call_id for summary in old])
            session.execute(delete(ShadowRow).where(ShadowRow.at < ended_before))  # also of a call that was never written
        return old

    def drop_number_hashes(self, ended_before: datetime) -> int:
        """Forget whose the calls were that ended before a time, some at once: no other writer waits for long; of how many."""
        self._prepare()
        dropped, oldest = 0, datetime.min.replace(tzinfo=UTC)
        while True:
            chosen = select(CallRow.call_id, CallRow.ended).where(
                CallRow.ended < ended_before, CallRow.ended >= oldest, CallRow.number_hash.is_not(None)
            )
            with self._engine.connect() as connection:
                rows = connection.execute(chosen.order_by(CallRow.ended).limit(_FORGOTTEN_AT_ONCE)).all()
            if not rows:
                return dropped
            with self._engine.begin() as connection:
                some = among(CallRow.call_id, [row.call_id for row in rows])
                connection.execute(update(CallRow).where(some).values(number_hash=None))
            dropped, oldest = dropped + len(rows), rows[-1].ended
            time.sleep(BREATH_S)

    def forget(self) -> bool:
        """Take what was deleted out of the files of an SQLite database, too. False when somebody was reading: try again later.

        A server's own tables keep deleted rows until its VACUUM, see docs/records.md.
        """
        if self._file is None:
            return True
        self._prepare()
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if connection.exec_driver_sql("PRAGMA auto_vacuum").scalar() != _INCREMENTAL:
                connection.exec_driver_sql("PRAGMA auto_vacuum=INCREMENTAL")
                connection.exec_driver_sql("VACUUM")  # once: an earlier version left deleted rows in free pages
            driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
            _merge_words(driver)
            # `execute` would free one page only; all at once would keep other writers waiting
            while (free := driver.execute("PRAGMA freelist_count").fetchone()[0]) > 0:
                driver.executescript(f"PRAGMA incremental_vacuum({_FREED_AT_ONCE})")
                if driver.execute("PRAGMA freelist_count").fetchone()[0] >= free:
                    break
                time.sleep(BREATH_S)
            waits = driver.execute("PRAGMA busy_timeout").fetchone()[0]
            driver.execute(f"PRAGMA busy_timeout={_FOR_READERS_MS}")  # while it waits for readers, no writer gets in
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            driver.execute(f"PRAGMA busy_timeout={waits}")
        return busy is not None and not busy[0]

    def unknown(self, call_ids: Collection[str]) -> set[str]:
        """Those of these calls that it has no row of."""
        self._prepare()
        with self._engine.connect() as connection:
            return set(call_ids).difference(connection.scalars(select(CallRow.call_id).where(among(CallRow.call_id, call_ids))))


def _merge_words(driver: sqlite3.Connection) -> None:
    """The index of words keeps those of deleted rows until its parts are merged into one: part by part (sqlite.org/fts5.html,
    6.8), where `optimize` would do it in one transaction. It is done when a step changes no more than its own row.
    """
    pages = -_MERGED_AT_ONCE  # less than nothing: begin to merge all of them
    while True:
        before = driver.total_changes
        driver.execute("INSERT INTO utterance_words(utterance_words, rank) VALUES ('merge', ?)", (pages,))
        if driver.total_changes - before < 2:
            return
        pages = _MERGED_AT_ONCE
        time.sleep(BREATH_S)


def _insert(connection: Connection, record: CallRecord) -> None:
    row = asdict(record.summary) | {"response_ms": list(record.summary.response_ms), "number_hash": record.number_hash}
    connection.execute(insert(CallRow), row)
    for table, rows in ((LineRow, _line_rows(record)), (UtteranceRow, _utterance_rows(record))):
        if rows:
            connection.execute(insert(table), rows)


def _delete(connection: Connection, call_ids: Collection[str], *, for_good: bool = True) -> None:
    """What people noted, and what was decided in the shadow, goes with a call that is deleted for good, and stays when the call
    is written anew.
    """
    for table in (LineRow, UtteranceRow, CallRow, *((NoteRow, ShadowRow) if for_good else ())):
        connection.execute(delete(table).where(among(table.call_id, call_ids)))


def _is_of(number: str, number_hash: str | None) -> ColumnElement[bool]:
    whole = CallRow.number == number
    return whole if number_hash is None else or_(whole, CallRow.number_hash == number_hash)


def _lines_of(
    connection: Connection, call_ids: Sequence[str], chosen: Sequence[ColumnElement[bool]]
) -> dict[str, list[dict[str, Any]]]:
    """The journals of these calls, or the chosen lines of them."""
    found: dict[str, list[dict[str, Any]]] = {call_id: [] for call_id in call_ids}
    lines = select(LineRow.call_id, LineRow.t, LineRow.what, LineRow.data).where(among(LineRow.call_id, call_ids), *chosen)
    for call_id, t, what, data in connection.execute(lines.order_by(LineRow.call_id, LineRow.position)):
        found[call_id].append({"t": t, "what": what, **data})
    return found


def _record(row: CallRow) -> CallRecord:
    return CallRecord(_summary(row), [{"t": line.t, "what": line.what, **line.data} for line in row.lines])


def _line_rows(record: CallRecord) -> list[dict[str, Any]]:
    call_id = record.summary.call_id
    return [
        {"call_id": call_id, "position": at, "t": line["t"], "what": line["what"], "data": _rest(line)}
        for at, line in enumerate(record.lines)
    ]


def _rest(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in ("t", "what")}


def _utterance_rows(record: CallRecord) -> list[dict[str, Any]]:
    """Final utterances that were understood."""
    rows = []
    for at, line in enumerate(record.lines):
        understanding = line.get("understanding")
        if line.get("type") != "Heard" or not line.get("final") or not isinstance(understanding, dict):
            continue
        rows.append(
            {
                "call_id": record.summary.call_id,
                "position": at,
                "text": line.get("text", ""),
                "folded": folded(line.get("text", "")),
                "language": understanding.get("language") or record.summary.language,
                "recogniser_confidence": line.get("confidence", 1.0),
                "intent": understanding.get("intent"),
                "confidence": understanding.get("confidence"),
                "decision": understanding.get("decision"),
                "backend": understanding.get("backend", ""),
                "model": understanding.get("model", ""),
            }
        )
    return rows


def _summary(row: CallRow) -> CallSummary:
    values = {name: getattr(row, name) for name in CallSummary.__dataclass_fields__}
    return CallSummary(**values | {"response_ms": tuple(row.response_ms)})
