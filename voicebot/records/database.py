"""The database behind the records: opening it, and writing, reading and purging rows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, delete, event, func, insert, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.orm import Session

from voicebot.errors import RecordsError
from voicebot.records.models import Base, CallRow, LineRow, UtteranceRow
from voicebot.records.summary import CallRecord, CallSummary, SurveyCount

_CONNECT_S = 5


class Database:
    """Call records in SQL. Methods raise what SQLAlchemy raises; they block, so they belong in a thread."""

    def __init__(self, url: str) -> None:
        """`url` as SQLAlchemy writes it: sqlite:///calls.db, postgresql+psycopg://user@host/name. Raises RecordsError."""
        try:
            parsed = make_url(url)
            self._engine = _engine(parsed)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise RecordsError(
                f"database_url needs a driver that is not installed ({error}); for PostgreSQL: pip install 'psycopg[binary]'"
            ) from error
        except (ArgumentError, ValueError):  # their messages quote a part of the URL, which may be the password
            raise RecordsError("database_url is no URL; write it like sqlite:///calls.db or postgresql+psycopg://…") from None
        self._ready = False

    def write(self, record: CallRecord) -> None:
        """Write a call whole, in place of what there was of it: writing twice does no harm."""
        self._prepare()
        call_id = record.summary.call_id
        with self._engine.begin() as connection:
            for table in (LineRow, UtteranceRow, CallRow):
                connection.execute(delete(table).where(table.call_id == call_id))
            connection.execute(insert(CallRow), asdict(record.summary) | {"response_ms": list(record.summary.response_ms)})
            for table, rows in ((LineRow, _line_rows(record)), (UtteranceRow, _utterance_rows(record))):
                if rows:
                    connection.execute(insert(table), rows)

    def calls(self, *, limit: int, before: datetime | None = None) -> list[CallSummary]:
        """The latest calls, newest first; those that started before `before`, for the next page."""
        self._prepare()
        chosen = select(CallRow).order_by(CallRow.started.desc(), CallRow.call_id).limit(limit)
        if before is not None:
            chosen = chosen.where(CallRow.started < before)
        with Session(self._engine) as session:
            return [_summary(row) for row in session.scalars(chosen)]

    def call(self, call_id: str) -> CallRecord | None:
        """One call with its journal, or None."""
        self._prepare()
        with Session(self._engine) as session:
            row = session.get(CallRow, call_id)
            if row is None:
                return None
            return CallRecord(_summary(row), [{"t": line.t, "what": line.what, **line.data} for line in row.lines])

    def count(self) -> int:
        """How many calls are kept."""
        self._prepare()
        with Session(self._engine) as session:
            return session.scalar(select(func.count()).select_from(CallRow)) or 0

    def purge(self, ended_before: datetime) -> list[CallSummary]:
        """Delete the calls that ended before a time, with all that belongs to them; what they were, for their files to follow."""
        self._prepare()
        with Session(self._engine) as session, session.begin():
            old = [_summary(row) for row in session.scalars(select(CallRow).where(CallRow.ended < ended_before))]
            for table in (LineRow, UtteranceRow):
                ids = select(CallRow.call_id).where(CallRow.ended < ended_before)
                session.execute(delete(table).where(table.call_id.in_(ids)), execution_options={"synchronize_session": False})
            session.execute(delete(CallRow).where(CallRow.ended < ended_before), execution_options={"synchronize_session": False})
        return old

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def survey(self, since: datetime) -> list[SurveyCount]:
        """Answers to the survey in calls that ended since then, counted by line, matter and answer."""
        self._prepare()
        by = (CallRow.line, CallRow.intent, CallRow.survey)
        counted = select(*by, func.count()).where(CallRow.survey.is_not(None), CallRow.ended >= since).group_by(*by).order_by(*by)
        with Session(self._engine) as session:
            return [SurveyCount(*row) for row in session.execute(counted)]

    def _add_new_columns(self) -> None:
        """Bring the table of an earlier version up to date: what it has no column for was not known then."""
        known = {column["name"] for column in inspect(self._engine).get_columns(CallRow.__tablename__)}
        for column in CallRow.__table__.columns:
            if column.name not in known:
                kind = column.type.compile(self._engine.dialect)
                with self._engine.begin() as connection:
                    connection.execute(text(f"ALTER TABLE {CallRow.__tablename__} ADD COLUMN {column.name} {kind}"))

    def _prepare(self) -> None:
        if not self._ready:
            Base.metadata.create_all(self._engine)
            self._add_new_columns()
            self._ready = True


def _engine(url: URL) -> Engine:
    # an error that quotes a statement must not quote its values
    if url.get_backend_name() != "sqlite":
        arguments: dict[str, Any] = {"connect_timeout": _CONNECT_S} if url.get_backend_name() == "postgresql" else {}
        return create_engine(url, hide_parameters=True, pool_pre_ping=True, pool_size=2, connect_args=arguments)
    if url.database and url.database != ":memory:":
        with suppress(OSError):  # then the database is away, and says so when it is needed
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _CONNECT_S})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


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
