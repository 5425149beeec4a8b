"""Databases that fail on demand."""

from __future__ import annotations

import importlib
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, create_engine, inspect
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.schema import DropTable

import voicebot
from voicebot.records.database import Database
from voicebot.records.models import Base
from voicebot.records.summary import CallRecord, CallSummary

STARTED = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def summary(call_id: str = "c1", *, started: datetime = STARTED, **values: Any) -> CallSummary:
    return CallSummary(call_id, started, started + timedelta(seconds=30), "handed_over", **values)


def heard(text: str, *, final: bool = True, intent: str | None = "card_block") -> dict[str, Any]:
    understanding = {"intent": intent, "confidence": 0.9, "decision": "accept", "backend": "local", "model": "m1"}
    line = {"t": 2.5, "what": "event", "type": "Heard", "text": text, "final": final, "confidence": 0.8}
    return line | {"understanding": understanding if intent else None}


BEFORE_VERSIONS = {
    "calls": "call_id started ended outcome line language number segment intent confidence decision queue priority "
    "seconds_to_steer response_ms bundle_version model recording handoff_ref",
    "call_lines": "call_id position t what data",
    "utterances": "call_id position text language recogniser_confidence intent confidence decision backend model "
    "reviewed_intent reviewed_by reviewed_at",
}
"""Tables and columns before alembic counted them."""


LATER_INDEXES = {
    "calls_in_order",
    "calls_by_intent",
    "calls_by_queue",
    "calls_by_outcome",
    "calls_by_handoff",
    "utterances_by_decision",
}


def all_tables() -> MetaData:
    """The tables of all rooms, as the code writes them."""
    root = Path(voicebot.__file__).parent
    for path in sorted(root.rglob("models.py")):
        importlib.import_module(".".join(("voicebot", *path.relative_to(root).with_suffix("").parts)))
    return Base.metadata


def take_back(url: str) -> None:
    """Make a database what it was before versions: no later table, column or index."""
    engine = create_engine(url)
    tables = MetaData()
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX IF EXISTS calls_by_digits")  # of an expression: reflecting it warns
        tables.reflect(connection)
        for table in reversed(tables.sorted_tables):
            if table.name not in BEFORE_VERSIONS and not table.name.startswith("utterance_words_"):
                connection.execute(DropTable(table))
        if engine.dialect.name == "sqlite":
            for trigger in ("in", "out", "anew"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS utterance_words_{trigger}")
        else:
            connection.exec_driver_sql("DROP INDEX IF EXISTS utterances_by_words")
        for name, early in BEFORE_VERSIONS.items():
            later = {each["name"] for each in inspect(connection).get_columns(name)} - set(early.split())
            for index in inspect(connection).get_indexes(name):
                if later & set(index["column_names"]) or index["name"] in LATER_INDEXES:
                    connection.exec_driver_sql(f"DROP INDEX {index['name']}")
            for column in sorted(later):
                connection.exec_driver_sql(f"ALTER TABLE {name} DROP COLUMN {column}")
    engine.dispose()


class AwayDatabase(Database):
    """A database that is away while `away` is set, and refuses the calls in `refused` for good."""

    away = True
    refused: frozenset[str] = frozenset()

    def write(self, record: CallRecord) -> None:
        if self.away:
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("server closed the connection"))
        if record.summary.call_id in self.refused:
            raise IntegrityError("INSERT", {}, sqlite3.IntegrityError("constraint"))
        super().write(record)

    def probe(self) -> None:
        if self.away:
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("server closed the connection"))
        super().probe()
