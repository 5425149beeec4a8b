"""Finding calls for a page: by conditions and by words, newest first, page by page without counting.

Words are looked for in what callers said, redacted and folded (`voicebot.records.folding`), each as the beginning of a word. In
SQLite they come in the order in which they were written, which an index of words gives at once; elsewhere in the order of calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, column, func, literal_column, select, table, text

from voicebot.records.folding import folded
from voicebot.records.listing import COLUMNS, CallFilter, behind, filtered, summary_of
from voicebot.records.models import CallRow, UtteranceRow
from voicebot.records.summary import CallSummary

_WORDS = table("utterance_words", column("rowid"))
_ROUNDS = 20
"""A page of a search reads so many times as many lines at most: calls that say a word often."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some calls, and where the next ones begin: "" behind the last page."""

    calls: Sequence[CallSummary]
    following: str = ""


def page(engine: Engine, chosen: CallFilter, *, words: str = "", after: str = "", size: int = 50) -> Page:
    """Calls that meet the conditions, behind `after` (a page's `following`; one that is none counts as the beginning). Blocks;
    raises what SQLAlchemy raises.
    """
    looked_for = folded(words).split()
    if looked_for and engine.dialect.name == "sqlite":
        return _by_words_in_sqlite(engine, chosen, looked_for, _number(after), size)
    return _in_order(engine, chosen, [_said(looked_for)] if looked_for else [], _place(after), size)


def _in_order(
    engine: Engine, chosen: CallFilter, also: Sequence[ColumnElement[bool]], after: tuple[datetime, str] | None, size: int
) -> Page:
    """Newest first; those that meet the conditions `also`."""
    query = filtered(select(*COLUMNS), chosen).where(*also).order_by(CallRow.started.desc(), CallRow.call_id.desc())
    if after is not None:
        query = query.where(*behind(*after))
    with engine.connect() as connection:
        rows = connection.execute(query.limit(size + 1)).all()
    return _page(rows, size)


def _said(words: Sequence[str]) -> ColumnElement[bool]:
    """Calls in which these words were said, for PostgreSQL."""
    wanted = func.to_tsquery("simple", " & ".join(f"{word}:*" for word in words))
    said = select(UtteranceRow.call_id).where(func.to_tsvector("simple", UtteranceRow.folded).op("@@")(wanted))
    return CallRow.call_id.in_(said)


def _by_words_in_sqlite(engine: Engine, chosen: CallFilter, words: Sequence[str], before: int | None, size: int) -> Page:
    wanted = " ".join(f'"{word}"*' for word in words)
    found: dict[str, CallSummary] = {}
    place = before
    with engine.connect() as connection:
        for _ in range(_ROUNDS):
            rows = connection.execute(_sqlite_words(chosen, wanted, place, size)).all()
            for row in rows:
                found.setdefault(row.call_id, summary_of(row))
                place = row.at_row
                if len(found) == size:
                    return Page(list(found.values()), f"r{place}")
            if len(rows) < size:
                return Page(list(found.values()))
    return Page(list(found.values()), f"r{place}")


def _sqlite_words(chosen: CallFilter, wanted: str, place: int | None, size: int) -> Any:
    at_row: ColumnElement[int] = literal_column("utterance_words.rowid")
    query = filtered(select(*COLUMNS, at_row.label("at_row")), chosen)
    query = query.select_from(_WORDS).join(UtteranceRow, literal_column("utterances.rowid") == at_row)
    query = query.join(CallRow, CallRow.call_id == UtteranceRow.call_id)
    query = query.where(text("utterance_words MATCH :wanted").bindparams(wanted=wanted))
    if place is not None:
        query = query.where(at_row < place)
    return query.order_by(at_row.desc()).limit(size)


def _page(rows: Sequence[Row[Any]], size: int) -> Page:
    calls = [summary_of(row) for row in rows[:size]]
    return Page(calls, f"t{calls[-1].started.isoformat()}|{calls[-1].call_id}" if len(rows) > size else "")


def _place(after: str) -> tuple[datetime, str] | None:
    started, _, call_id = after.removeprefix("t").partition("|")
    try:
        at = datetime.fromisoformat(started)
    except ValueError:
        return None
    return (at, call_id) if at.tzinfo is not None else None


def _number(after: str) -> int | None:
    digits = after.removeprefix("r")
    return int(digits) if after.startswith("r") and digits.isdecimal() and len(digits) < 19 else None
