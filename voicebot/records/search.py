"""Finding calls for a page: by conditions and by words, newest first, page by page without counting.

Words are looked for in what callers said, redacted and folded (`voicebot.records.folding`), each as the beginning of a word of
one line. The index of words gives those that few lines have; a word of many lines is found by reading the newest calls. What no
index answers is looked for in so many calls at a time: a page says how far it looked, and the next one goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Connection,
    Engine,
    Executable,
    Row,
    Select,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from voicebot.records.among import among
from voicebot.records.folding import folded
from voicebot.records.listing import COLUMNS, CallFilter, behind, conditions, down_to, summary_of
from voicebot.records.models import CallRow, UtteranceRow
from voicebot.records.paging import place_behind, place_in
from voicebot.records.summary import CallSummary

_WORDS = table("utterance_words", column("rowid"))
_LATEST = (CallRow.started.desc(), CallRow.call_id.desc())
LOOKED_AT = 5000
"""Calls that a page reads at most for conditions without an index, and for words that many lines have."""
_LONG = 4
"""Letters of a beginning for which the index of words is asked: a shorter one has too many words."""
_FEW = 2000
"""Lines with a word up to which the index of words gives them all."""
_SURELY_MANY = 2 * _FEW
"""Expected lines from which a word is counted no more: it has too many."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some calls, and where the next ones begin: "" behind the last page."""

    calls: Sequence[CallSummary]
    following: str = ""
    searched_to: datetime | None = None
    """When the page ends because it looked at enough calls, the start of the oldest of these."""


def page(engine: Engine, chosen: CallFilter, *, words: str = "", after: str = "", size: int = 50) -> Page:
    """Calls that meet the conditions, behind `after` (a page's `following`; one that is none counts as the beginning). Blocks;
    raises what SQLAlchemy raises.
    """
    looked_for = folded(words).split()
    quick, others = conditions(chosen)
    place = place_in(after.removeprefix("t"))  # as older addresses have it
    quick += behind(*place) if place is not None else ()
    with engine.connect() as connection:
        if looked_for:
            few = _calls_of_few(connection, looked_for)
            if few is not None:
                return _page(_read(connection, [*quick, *others, among(CallRow.call_id, few)], size), size)
            others = [*others, _said(looked_for)]
        edge = _edge(connection, quick) if others else None
        within = down_to(*edge) if edge is not None else ()
        rows = _read(connection, [*quick, *others, *within], size)
    if edge is None or len(rows) > size:
        return _page(rows, size)
    return Page([summary_of(row) for row in rows], place_behind(*edge), edge[0])


def all_with(engine: Engine, chosen: CallFilter, words: str, *, size: int = 1000) -> Iterator[CallSummary]:
    """All calls that `page` would show, page by page. Blocks; raises what SQLAlchemy raises."""
    after = ""
    while True:
        shown = page(engine, chosen, words=words, after=after, size=size)
        yield from shown.calls
        after = shown.following
        if not after:
            return


def _read(connection: Connection, wanted: Sequence[ColumnElement[bool]], size: int) -> Sequence[Row[Any]]:
    """One more than a page has, where there are so many. Found first, and read whole then: those that are sorted out are not."""
    found = select(CallRow.call_id).where(*wanted).order_by(*_LATEST).limit(size + 1).subquery()
    query = select(*COLUMNS).join(found, found.c.call_id == CallRow.call_id).order_by(*_LATEST)
    return connection.execute(query).all()


def _edge(connection: Connection, quick: Sequence[ColumnElement[bool]]) -> tuple[datetime, str] | None:
    """The last of the calls that may be looked at, by an index alone; None where there are fewer."""
    query = select(CallRow.started, CallRow.call_id).where(*quick)
    found = connection.execute(query.order_by(*_LATEST).offset(LOOKED_AT - 1).limit(1)).first()
    return (found.started, found.call_id) if found is not None else None


def _lines(kind: str, words: Sequence[str]) -> Select[Any]:
    """The calls of lines with all of these words, by the index of words."""
    if kind == "sqlite":
        at_row: ColumnElement[int] = literal_column("utterance_words.rowid")
        said = select(UtteranceRow.call_id).select_from(_WORDS).join(UtteranceRow, literal_column("utterances.rowid") == at_row)
        wanted = " ".join(f'"{word}"*' for word in words)
        return said.where(text("utterance_words MATCH :wanted").bindparams(wanted=wanted))
    query = func.to_tsquery("simple", " & ".join(f"{word}:*" for word in words))
    return select(UtteranceRow.call_id).where(func.to_tsvector("simple", UtteranceRow.folded).op("@@")(query))


def _calls_of_few(connection: Connection, words: Sequence[str]) -> set[str] | None:
    """The calls of lines with all of these words, where the index gives few lines; short beginnings are of many."""
    long = [word for word in words if len(word) >= _LONG]
    short = [f" {word}" for word in words if len(word) < _LONG]
    if not long:
        return None
    lines = _lines(connection.dialect.name, long)
    if connection.dialect.name == "postgresql" and _guessed(connection, lines) > _SURELY_MANY:
        return None
    rows = connection.execute(lines.add_columns(UtteranceRow.folded).limit(_FEW + 1)).all()
    if len(rows) > _FEW:
        return None
    return {call_id for call_id, line in rows if all(word in f" {line}" for word in short)}


class _Guess(Executable, ClauseElement):
    """How PostgreSQL would find what a query asks for."""

    inherit_cache = False

    def __init__(self, query: Select[Any]) -> None:
        self.query = query


@compiles(_Guess)
def _explained(element: _Guess, compiler: SQLCompiler, **more: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.query, **more)}"


def _guessed(connection: Connection, lines: Select[Any]) -> int:
    """How many rows PostgreSQL expects, by its statistics: it takes no time, where counting a word that everybody says takes a
    tenth of a second.
    """
    return int(connection.execute(_Guess(lines)).scalar_one()[0]["Plan"]["Plan Rows"])


def _said(words: Sequence[str]) -> ColumnElement[bool]:
    """Calls in which there is a line with all of these words, by reading them. Not as EXISTS: PostgreSQL may make a join of that,
    and read the lines of all calls for it.
    """
    own = UtteranceRow.call_id == CallRow.call_id
    return select(UtteranceRow.call_id).where(own, *_begin_in_it(words)).limit(1).scalar_subquery().is_not(None)


def _begin_in_it(words: Iterable[str]) -> Iterator[ColumnElement[bool]]:
    """Conditions of a line; words are letters and digits only, so nothing in them is a pattern."""
    line = literal(" ") + UtteranceRow.folded
    return (line.contains(f" {word}") for word in words)


def _page(rows: Sequence[Row[Any]], size: int) -> Page:
    calls = [summary_of(row) for row in rows[:size]]
    return Page(calls, place_behind(calls[-1].started, calls[-1].call_id) if len(rows) > size else "")
