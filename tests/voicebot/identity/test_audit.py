"""The audit trail: only added to, in one chain, whoever writes and whatever is away meanwhile."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from tests.voicebot.identity.bank import START, Clock
from tests.voicebot.logged import line_with
from tests.voicebot.records.servers import database_url, postgres
from voicebot.identity.audit import REFUSALS_A_MINUTE, AuditTrail
from voicebot.identity.audit_journal import AuditJournal
from voicebot.identity.audit_table import AuditTable, Broken, Head, Line, Note, canonical, check, moment

__all__ = ["database_url", "postgres"]


def notes(count: int, first: int = 0) -> list[Note]:
    return [
        Note(f"{number:032x}", moment(START), "test.noted", canonical({"n": number})) for number in range(first, first + count)
    ]


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
def table(url: str) -> Iterator[AuditTable]:
    opened = AuditTable(url)
    yield opened
    opened.close()


def test_lines_form_a_chain_and_a_note_is_written_once(table: AuditTable) -> None:
    table.append(notes(3))
    table.append(notes(5))  # tried again, with two more
    assert [line.note for line in table.lines()] == notes(5)
    assert check(table.lines()) == table.head()
    assert table.head().position == 5


FORGED = {
    "a fact": "UPDATE audit SET facts = '{}' WHERE position = 2",
    "the time": "UPDATE audit SET at = '' WHERE position = 2",
    "a line away": "DELETE FROM audit WHERE position = 2",
    "the last line away": "DELETE FROM audit WHERE position = 3",
    "all of it away": "DELETE FROM audit",
    "a line at the end, with no chain": "INSERT INTO audit VALUES (4, 'x', 'x', 'x', '{}', '', 'x')",
    "a line in a gap": "INSERT INTO audit VALUES (9, 'x', 'x', 'x', '{}', (SELECT hash FROM audit WHERE position = 3), 'x')",
}


@pytest.mark.parametrize("statement", FORGED.values(), ids=FORGED)
def test_the_database_itself_refuses_changes(table: AuditTable, url: str, statement: str) -> None:
    table.append(notes(3))
    with pytest.raises(DBAPIError, match="audit trail"):
        run(url, statement)
    assert check(table.lines()) == table.head()


def test_it_cannot_be_replaced_or_emptied_at_one_stroke(table: AuditTable, url: str) -> None:
    table.append(notes(3))
    replace_all = "INSERT OR REPLACE INTO audit SELECT position, id, at, what, '{}', previous, hash FROM audit"
    with pytest.raises(DBAPIError, match="audit trail"):
        run(url, replace_all if url.startswith("sqlite") else "TRUNCATE audit")
    assert check(table.lines()) == table.head()


def run(url: str, *statements: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


UNLOCKED = [f"DROP TRIGGER {name}" for name in ("audit_only_next", "audit_no_update", "audit_no_delete")]


@pytest.mark.parametrize(
    ("statement", "position"),
    [
        ("UPDATE audit SET facts = '{\"n\":7}' WHERE position = 2", 2),
        ("UPDATE audit SET what = 'test.other' WHERE position = 3", 3),
        ("UPDATE audit SET at = '2026-11-26T10:00:06.000000Z' WHERE position = 1", 1),
        ("UPDATE audit SET id = 'x' WHERE position = 1", 1),
        ("DELETE FROM audit WHERE position = 2", 2),
        ("DELETE FROM audit WHERE position = 1", 1),
        ("UPDATE audit SET position = position + 10 WHERE position > 2", 3),
    ],
)
def test_who_takes_the_locks_away_first_is_found_by_the_chain(tmp_path: Path, statement: str, position: int) -> None:
    table = AuditTable(url := f"sqlite:///{tmp_path / 'calls.db'}")
    table.append(notes(4))
    run(url, *UNLOCKED, statement)
    found = check(table.lines())
    assert isinstance(found, Broken)
    assert found.position == position
    table.close()


def chain(count: int) -> list[Line]:
    lines: list[Line] = []
    for note in notes(count):
        line = Line(len(lines) + 1, note, lines[-1].hash if lines else "", "")
        lines.append(replace(line, hash=line.true_hash))
    return lines


def test_a_chain_that_was_made_anew_or_cut_is_found_by_a_head_that_was_kept_elsewhere() -> None:
    lines = chain(4)
    kept = Head(3, lines[2].hash)
    assert check(iter(lines), kept) == Head(4, lines[3].hash)
    assert isinstance(check(iter(lines[:2])), Head)  # the end alone does not show
    assert check(iter(lines[:2]), kept) == Broken(3, "lines are missing: there were 3")
    anew = check(iter(lines), Head(3, "f" * 64))
    assert isinstance(anew, Broken)
    assert anew.position == 3


@given(st.integers(0, 3), st.sampled_from(["what", "facts", "at", "id"]), st.text(max_size=10))
@settings(max_examples=100, deadline=None)
def test_any_other_word_in_any_line_breaks_the_chain(place: int, name: str, word: str) -> None:
    lines = chain(4)
    if getattr(lines[place].note, name) != word:
        lines[place] = replace(lines[place], note=replace(lines[place].note, **{name: word}))
        found = check(iter(lines))
        assert isinstance(found, Broken)
        assert found.position == place + 1


def _write(url: str, first: int) -> None:
    table = AuditTable(url)
    for number in range(first, first + 40, 4):
        table.append(notes(4, number))
    table.close()


def test_several_processes_write_one_chain(table: AuditTable, url: str) -> None:
    table.append(notes(1))
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write, args=(url, first)) for first in (100, 200)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert check(table.lines()) == table.head()
    assert table.head().position == 81


# ---------------------------------------------------------------- as the service writes it


class Away(AuditTable):
    """A database that can be away."""

    away = False

    def append(self, notes: list[Note]) -> None:  # type: ignore[override]
        if self.away:
            raise DBAPIError("INSERT", {}, sqlite3.OperationalError("gone"))
        super().append(notes)


@pytest.fixture
async def away(tmp_path: Path) -> AsyncIterator[tuple[AuditTrail, Away]]:
    table = Away(f"sqlite:///{tmp_path / 'calls.db'}")
    trail = AuditTrail(table, tmp_path / "spool", clock=Clock())
    await trail.start()
    yield trail, table
    await trail.close()


async def written(table: AuditTable, condition: Callable[[list[Line]], bool]) -> list[Line]:
    """The lines, once the thread has come so far."""
    async with asyncio.timeout(20):
        while not condition(lines := await asyncio.to_thread(lambda: list(table.lines()))):
            await asyncio.sleep(0.01)
    return lines


async def test_what_is_noted_is_written_without_what_is_none(away: tuple[AuditTrail, Away]) -> None:
    trail, table = away
    await trail.note("ticket.refused", reason="expired", call="k1", client=None, tries=3)
    (line,) = await written(table, lambda lines: len(lines) == 1)
    assert (line.note.what, line.note.facts) == ("ticket.refused", '{"call":"k1","reason":"expired","tries":3}')
    assert line.note.at == "2026-11-26T10:00:05.000000Z"


async def test_while_the_database_is_away_lines_wait_and_health_says_so(away: tuple[AuditTrail, Away]) -> None:
    trail, table = away
    table.away = True
    with line_with("database away") as told:
        await trail.note("ticket.issued", ticket="t1")
        await told.written()
    assert trail.trouble
    assert trail.waiting > 0
    await trail.note("ticket.spent", ticket="t1")
    with line_with("database back") as told:
        table.away = False
        await told.written()
    lines = await written(table, lambda lines: len(lines) == 2)
    assert [line.note.what for line in lines] == ["ticket.issued", "ticket.spent"]
    assert trail.trouble is None
    assert trail.waiting == 0


async def test_what_a_dead_process_left_is_written_by_the_next_one_and_once(tmp_path: Path) -> None:
    """It died between the database's answer and its own note of that, and in the middle of a line."""
    left = AuditJournal(tmp_path / "spool")
    for note in notes(3):
        left.put(note)
    left.close()
    (path,) = (tmp_path / "spool").glob("*.jsonl")
    with path.open("a") as file:
        file.write('{"id": "half')
    table = AuditTable(f"sqlite:///{tmp_path / 'calls.db'}")
    table.append(notes(2))
    trail = AuditTrail(table, tmp_path / "spool")
    await trail.start()
    assert [line.note for line in await written(table, lambda lines: len(lines) == 3)] == notes(3)
    await trail.close()
    assert list((tmp_path / "spool").glob("*.jsonl")) == []


async def test_the_file_of_a_process_that_lives_is_left_alone(tmp_path: Path) -> None:
    lives = AuditJournal(tmp_path / "spool")
    lives.put(notes(1)[0])
    assert list(AuditJournal(tmp_path / "spool").left_behind()) == []
    lives.close()


async def test_with_neither_disk_nor_database_lines_wait_in_memory(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("no folder")
    table = Away(f"sqlite:///{tmp_path / 'calls.db'}")
    table.away = True
    trail = AuditTrail(table, tmp_path / "spool")
    await trail.start()
    await trail.note("ticket.issued", ticket="t1")
    table.away = False
    await written(table, lambda lines: len(lines) == 1)
    await trail.close()


async def test_a_flood_of_refusals_is_told_in_one_line_and_all_else_is_told_whole(tmp_path: Path) -> None:
    now = [0.0]
    table = AuditTable(f"sqlite:///{tmp_path / 'calls.db'}")
    trail = AuditTrail(table, tmp_path / "spool", monotonic=lambda: now[0])
    await trail.start()
    for _ in range(REFUSALS_A_MINUTE + 50):
        await trail.note("ticket.refused", reason="altered")
    for _ in range(REFUSALS_A_MINUTE + 5):
        await trail.note("ticket.spent")
    now[0] = 61.0
    await trail.note("ticket.refused", reason="altered")
    lines = await written(table, lambda lines: len(lines) == 2 * REFUSALS_A_MINUTE + 7)
    (shortened,) = [line for line in lines if line.note.what == "audit.shortened"]
    assert shortened.note.facts == '{"count":50,"of":"ticket.refused"}'
    await trail.close()


async def test_the_log_keeps_heads_and_says_when_lines_were_taken_away(tmp_path: Path) -> None:
    """By somebody who may write to the database and took the locks off it: the file is another one, or shorter."""
    now = [0.0]
    path = tmp_path / "calls.db"
    table = AuditTable(f"sqlite:///{path}")
    trail = AuditTrail(table, tmp_path / "spool", monotonic=lambda: now[0])
    with line_with("audit trail") as told:
        await trail.start()
        await trail.note("ticket.spent", ticket="t1")
        await trail.note("ticket.spent", ticket="t2")
        await written(table, lambda lines: len(lines) == 2)
        now[0] = 1000.0
        await trail.note("ticket.spent", ticket="t3")
        await told.written()
    position, _, digest = told.fields["head"].partition(":")
    assert int(position) >= 2
    with closing(sqlite3.connect(path)) as insider:
        for trigger in ("audit_no_delete", "audit_no_update", "audit_only_next"):
            insider.execute(f"DROP TRIGGER {trigger}")
        insider.execute("DELETE FROM audit WHERE position > 1")
        insider.commit()
    with line_with("gone or changed") as told:
        now[0] = 2000.0
        await trail.note("ticket.spent", ticket="t4")
        await told.written()
    await trail.close()
    table = AuditTable(f"sqlite:///{path}")
    assert check(table.lines()) == table.head(), "the chain alone does not show it"
    assert isinstance(check(table.lines(), Head(int(position), digest)), Broken), "the head that the log kept does"
    table.close()


async def test_a_name_that_is_none_is_a_mistake_of_the_program(tmp_path: Path) -> None:
    trail = AuditTrail(AuditTable(f"sqlite:///{tmp_path / 'calls.db'}"), tmp_path / "spool")
    with pytest.raises(ValueError, match="is no name"):
        await trail.note("Refused!")
    await trail.close()


def test_lines_are_found_by_name_and_fact(tmp_path: Path) -> None:
    table = AuditTable(f"sqlite:///{tmp_path / 'calls.db'}")
    facts = [canonical({"customer": customer, "call": "k"}) for customer in ("c-1", "c-10", "c%1")]
    table.append([Note(f"{number:032x}", moment(START), "ticket.spent", each) for number, each in enumerate(facts)])
    assert [line.note.facts for line in table.latest(10, fact=("customer", "c-1"))] == facts[:1]
    assert [line.note.facts for line in table.latest(10, fact=("customer", "c%1"))] == facts[2:]
    assert [line.position for line in table.latest(2, what="ticket.")] == [2, 3]
    assert table.latest(10, what="proof.") == []
    table.close()
