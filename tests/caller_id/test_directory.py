"""What is safe to assume of a number, and the directory that a running service reads."""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caller_id.customer_import import import_customers
from caller_id.directory import Customer, DirectoryError, agreed
from caller_id.sqlite_directory import SqliteDirectory
from caller_id.types import Segment

NUMBER = "+48600100200"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[SqliteDirectory]:
    opened = SqliteDirectory(tmp_path / "customers.db")
    yield opened
    opened.close()


def put(directory: SqliteDirectory, *rows: str) -> None:
    source = directory.path.with_name("customers.csv")
    source.write_text("\n".join(("number,segment,language,tenure_years,customer_ref", *rows)))
    assert import_customers(source, directory.path, most_lost=1000).done


def test_without_a_file_nobody_is_known_until_there_is_one(directory: SqliteDirectory) -> None:
    """The first import needs no restart."""
    assert directory.find(NUMBER) == ()
    put(directory, '600100200,private_banking,pl,"12,5",C-1', "600100201,sme,,,")
    assert directory.find(NUMBER) == (Customer(Segment.PRIVATE_BANKING, "pl", 12.5, "C-1"),)
    assert directory.find("+48600100201") == (Customer(Segment.SME, None, None, None),)
    assert directory.find("+48600100202") == ()


def test_a_later_import_is_seen_by_the_next_call(directory: SqliteDirectory) -> None:
    """The nightly import is a process of its own. What was read before is not kept open."""
    for segment in ("sme", "select", "mass", "sme"):
        put(directory, f"600100200,{segment},,,")
        assert directory.find(NUMBER)[0].segment == segment
    assert sum("customers.db" in os.readlink(handle) for handle in map(_handle, os.listdir("/proc/self/fd")) if handle) == 1


def _handle(name: str) -> str | None:
    path = f"/proc/self/fd/{name}"
    return path if os.path.islink(path) else None


def test_a_file_that_was_removed_is_none(directory: SqliteDirectory) -> None:
    put(directory, "600100200,sme,,,")
    assert directory.find(NUMBER)
    directory.path.unlink()
    assert directory.find(NUMBER) == ()


def test_look_ups_during_imports_see_the_old_or_the_new_never_none(directory: SqliteDirectory) -> None:
    """The exchange is one step."""
    put(directory, "600100200,sme,,,")
    over = threading.Event()

    def import_again() -> None:
        try:
            for segment in ("select", "sme", "select", "sme"):
                put(directory, f"600100200,{segment},,,")
        finally:
            over.set()

    importer = threading.Thread(target=import_again)
    importer.start()
    looked = 0
    while not over.is_set() or not looked:
        assert len(directory.find(NUMBER)) == 1
        looked += 1
    importer.join()


@pytest.mark.parametrize(
    "content", [b"only text that is long enough to be looked at as a database " * 20, b"", b"SQLite format 3\0"]
)
def test_a_file_that_is_no_directory_is_explained_at_each_look_up(directory: SqliteDirectory, content: bytes) -> None:
    """And a good one is used as soon as it is there."""
    directory.path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(DirectoryError, match="cannot be read as a customer directory"):
            directory.find(NUMBER)
    directory.path.unlink()
    put(directory, "600100200,sme,,,")
    assert directory.find(NUMBER)


def test_a_directory_of_an_older_voicebot_is_read(directory: SqliteDirectory) -> None:
    """With its write-ahead log and its NULLs; an import replaces it, and its log is not read into the new one."""
    with closing(sqlite3.connect(directory.path)) as old, old:
        old.execute("PRAGMA journal_mode=WAL")
        old.execute(
            "CREATE TABLE customers (number TEXT NOT NULL, customer_ref TEXT NOT NULL, segment TEXT NOT NULL, language TEXT, "
            "tenure_years REAL, PRIMARY KEY (number, customer_ref)) WITHOUT ROWID"
        )
        old.execute("INSERT INTO customers VALUES (?, '', 'select', NULL, NULL)", (NUMBER,))
    assert directory.find(NUMBER) == (Customer(Segment.SELECT, None, None, None),)
    directory.close()
    source = directory.path.with_name("new.csv")
    source.write_text("number,segment\n600100200,select\n600100201,sme\n")
    report = import_customers(source, directory.path, most_lost=0)
    assert (report.changes.added, report.changes.changed, report.changes.removed) == (1, 0, 0)
    assert directory.find("+48600100201") == (Customer(Segment.SME, None, None, None),)
    assert not list(directory.path.parent.glob("*-wal"))


customers = st.builds(
    Customer,
    segment=st.sampled_from(Segment),
    language=st.sampled_from([None, "pl", "en"]),
    tenure_years=st.sampled_from([None, 1.0, 20.0]),
    customer_ref=st.sampled_from([None, "A", "B"]),
)


@given(st.lists(customers, min_size=1, max_size=4))
def test_only_what_all_customers_of_a_number_share_is_assumed(sharing: list[Customer]) -> None:
    """No segment hint unless all agree; no reference unless there is one customer; the order does not matter."""
    safe = agreed(sharing)
    assert safe.segment is (sharing[0].segment if len({each.segment for each in sharing}) == 1 else Segment.MASS)
    assert safe.language == (sharing[0].language if len({each.language for each in sharing}) == 1 else None)
    assert safe.customer_ref == (sharing[0].customer_ref if len(sharing) == 1 else None)
    assert all(agreed(order) == safe for order in itertools.permutations(sharing))
