"""Databases that fail on demand."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError, OperationalError

from voicebot.records.database import Database
from voicebot.records.summary import CallRecord, CallSummary

STARTED = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def summary(call_id: str = "c1", *, started: datetime = STARTED, **values: Any) -> CallSummary:
    return CallSummary(call_id, started, started + timedelta(seconds=30), "handed_over", **values)


def heard(text: str, *, final: bool = True, intent: str | None = "card_block") -> dict[str, Any]:
    understanding = {"intent": intent, "confidence": 0.9, "decision": "accept", "backend": "local", "model": "m1"}
    line = {"t": 2.5, "what": "event", "type": "Heard", "text": text, "final": final, "confidence": 0.8}
    return line | {"understanding": understanding if intent else None}


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
