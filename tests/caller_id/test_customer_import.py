"""Replacing the customer directory: compared first, exchanged in one step, and never by accident."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from caller_id import customer_import
from caller_id.customer_database import MOST_OF_A_NUMBER, DirectoryStatus, status_of
from caller_id.customer_import import ImportReport, import_customers, previous, roll_back
from caller_id.customer_rows import RowProblem
from caller_id.directory import DirectoryError, agreed
from caller_id.sqlite_directory import SqliteDirectory
from caller_id.types import Segment

HEADING = "number,segment,language,tenure_years,customer_ref\n"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "customers.db"


def file(tmp_path: Path, rows: Iterable[str], name: str = "customers.csv") -> Path:
    path = tmp_path / name
    path.write_text(HEADING + "\n".join(rows))
    return path


def customers(first: int, last: int, segment: str = "mass") -> list[str]:
    return [f"+48600{number:06},{segment},pl,3,C-{number}" for number in range(first, last)]


def put(
    database: Path, rows: Iterable[str], *, most_lost: int = 1000, force: bool = False, dry_run: bool = False
) -> ImportReport:
    source = file(database.parents[1], rows)
    return import_customers(source, database, most_lost=most_lost, force=force, dry_run=dry_run)


def now(database: Path) -> DirectoryStatus:
    status = status_of(database)
    assert status is not None
    return status


def everything(database: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in database.parent.iterdir() if not path.name.endswith(".lock")}


def test_an_import_tells_what_it_changes(database: Path) -> None:
    """In telephone numbers."""
    report = put(database, customers(0, 100))
    assert (report.changes.added, report.changes.changed, report.changes.removed) == (100, 0, 0)
    assert report.before is None
    report = put(database, [*customers(5, 90), *customers(90, 100, "sme"), *customers(100, 102)])
    assert (report.changes.added, report.changes.changed, report.changes.removed) == (2, 10, 5)
    assert report.before is not None
    assert (report.before.numbers, report.now.numbers, report.now.segments["sme"]) == (100, 97, 10)
    assert report.done
    assert now(database).source == "customers.csv"


@pytest.mark.parametrize(
    ("rows", "most_lost", "said"),
    [
        (customers(0, 1), 1000, "299 of 300 numbers would be gone (99.7 %)"),
        (customers(0, 269), 1000, "31 of 300 numbers would be gone"),
        (customers(0, 288), 11, "12 of 300 numbers would be gone (4.0 %)"),
        ([*customers(0, 300), *["?,sme,,,"] * 40], 1000, "40 of 340 rows cannot be used (11.8 %)"),
        (["?,sme,,,"] * 11 + customers(0, 300)[:90], 1000, "210 of 300 numbers would be gone"),
    ],
)
def test_a_great_loss_must_be_forced(database: Path, rows: list[str], most_lost: int, said: str) -> None:
    """A file with one good row must not replace a bank's customers."""
    put(database, customers(0, 300))
    before = everything(database)
    report = put(database, rows, most_lost=most_lost)
    assert not report.done
    assert said in "; ".join(report.objections)
    assert everything(database) == before
    assert put(database, rows, most_lost=most_lost, force=True).done
    assert now(database).numbers == report.now.numbers


@pytest.mark.parametrize(
    "rows", [customers(0, 270), customers(0, 300) + ["?,sme,,,"] * 10, customers(200, 510)[100:] + customers(0, 300)]
)
def test_a_small_loss_needs_no_force(database: Path, rows: list[str]) -> None:
    put(database, customers(0, 300))
    assert put(database, rows).objections == ()


def test_a_handful_may_change_freely(database: Path) -> None:
    """To try things out."""
    put(database, customers(0, 10))
    assert put(database, customers(10, 11)).done


def test_a_dry_run_changes_nothing_and_leaves_nothing(database: Path) -> None:
    """Not even a folder."""
    assert put(database, customers(0, 20), dry_run=True).changes.added == 20
    assert not database.parent.exists()
    put(database, customers(0, 20))
    before = everything(database)
    report = put(database, customers(0, 1), dry_run=True)
    assert (report.done, report.changes.removed, len(report.objections)) == (False, 19, 1)
    assert everything(database) == before


def test_refused_rows_are_told_as_they_come_and_counted_by_reason(database: Path, tmp_path: Path) -> None:
    source = file(tmp_path, ["?,sme,,,", "600100200,sme,,,", "600100201,gold,,,", "600100202,slect,,,", "!,sme,,,"])
    told: list[RowProblem] = []
    report = import_customers(source, database, most_lost=0, on_problem=told.append)
    assert [problem.line for problem in told] == [2, 4, 5, 6]
    assert report.reasons == {"the number cannot be read": 2, "unknown segment": 2}
    assert (report.rows, report.refused) == (1, 4)


@pytest.mark.parametrize("rows", [[], ["?,sme,,,"], ["?,sme,,,"] * 50])
def test_without_a_good_row_nothing_is_replaced_even_by_force(database: Path, rows: list[str]) -> None:
    put(database, customers(0, 3))
    before = everything(database)
    with pytest.raises(DirectoryError, match="no row is good, so nothing is imported"):
        put(database, rows, force=True)
    assert everything(database) == before


def test_customers_who_share_a_number_are_kept_told_of_and_not_guessed(database: Path) -> None:
    """Also two without a reference, of whom the later used to replace the earlier."""
    rows = ["600100200,sme,pl,,", "600100201,sme,,,A", "600100200,select,pl,,", "600100201,mass,,,B", "600100202,select,,,"]
    report = put(database, rows)
    assert report.now.shared == 2
    assert report.shared_lines == ((4, 2), (5, 3))
    with closing(SqliteDirectory(database)) as directory:
        assert {one.segment for one in directory.find("+48600100200")} == {Segment.SME, Segment.SELECT}
        safe = agreed(directory.find("+48600100200"))
        assert (safe.segment, safe.language, safe.customer_ref) == (Segment.MASS, "pl", None)
        assert {one.customer_ref for one in directory.find("+48600100201")} == {"A", "B"}


def test_a_row_that_repeats_another_is_counted_and_harmless(database: Path) -> None:
    """A customer once is not two."""
    report = put(database, ["600100200,sme,pl,3,A", "+48 600 100 200,SME,PL,3.0,A"])
    assert (report.rows, report.repeated, report.now.shared, report.now.customers) == (2, 1, 0, 1)


def test_a_number_of_very_many_customers_is_nobodys(database: Path) -> None:
    """An export writes 000000000 or its own switchboard where it knows none; a call must not read them all."""
    crowd = [f"48221234567,sme,,,C-{number}" for number in range(MOST_OF_A_NUMBER + 1)]
    report = put(database, [*customers(0, 5), *crowd])
    assert (report.crowded, report.now.numbers) == (len(crowd), 5)
    with closing(SqliteDirectory(database)) as directory:
        assert directory.find("+48221234567") == ()


def test_going_back_and_forth(database: Path) -> None:
    """Rolling back twice changes nothing."""
    with pytest.raises(DirectoryError, match="no earlier directory"):
        roll_back(database)
    put(database, customers(0, 3))
    with pytest.raises(DirectoryError, match="no earlier directory"):
        roll_back(database)
    put(database, customers(0, 7))
    with closing(SqliteDirectory(database)) as directory:
        assert directory.find("+48600000006")
        assert roll_back(database).numbers == 3
        assert directory.find("+48600000006") == (), "a running service goes back too"
        assert (now(database).numbers, now(previous(database)).numbers) == (3, 7)
        assert now(database).taken_back_sha256 == now(previous(database)).sha256
        assert roll_back(database).numbers == 7
        assert directory.find("+48600000006")


def test_going_back_works_when_the_directory_is_gone_or_broken(database: Path) -> None:
    put(database, customers(0, 3))
    put(database, customers(0, 7))
    database.unlink()
    assert roll_back(database).numbers == 3
    put(database, customers(0, 5))
    database.write_bytes(b"broken " * 999)
    assert roll_back(database).numbers == 3


def test_a_directory_that_cannot_be_read_is_replaced_only_by_force(database: Path) -> None:
    """Nothing can be compared."""
    database.parent.mkdir()
    database.write_bytes(b"no database at all, only text " * 99)
    report = put(database, customers(0, 3))
    assert "cannot be read as a customer directory" in report.objections[0]
    assert not report.done
    assert put(database, customers(0, 3), force=True).done
    assert now(database).numbers == 3


def test_only_we_may_read_what_an_import_writes(database: Path) -> None:
    for count in (3, 5):
        put(database, customers(0, count))
    assert {path.stat().st_mode & 0o077 for path in (database.parent, *database.parent.iterdir())} == {0}


def test_one_import_at_a_time(database: Path) -> None:
    put(database, customers(0, 3))
    with database.with_name("customers.db.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for attempt in (lambda: put(database, customers(0, 5)), lambda: roll_back(database)):
            with pytest.raises(DirectoryError, match="another import is under way"):
                attempt()
        assert put(database, customers(0, 5), dry_run=True).changes.added == 2
    assert put(database, customers(0, 5)).done


IMPORT_AND_STOP = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background ignores it
from pathlib import Path
from caller_id.customer_import import import_customers
def progress(doing, share):
    if doing == sys.argv[3]:
        os.kill(os.getpid(), int(sys.argv[4]))
import_customers(Path(sys.argv[1]), Path(sys.argv[2]), most_lost=1000, force=True, progress=progress)
"""


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("doing", ["reading", "comparing"])
def test_an_import_that_is_stopped_leaves_the_old_customers(database: Path, tmp_path: Path, stop: int, doing: str) -> None:
    """And the next one is not in its way."""
    put(database, customers(0, 30))
    before = database.read_bytes()
    source = file(tmp_path, customers(0, 40))
    ended = subprocess.run(
        [sys.executable, "-c", IMPORT_AND_STOP, str(source), str(database), doing, str(int(stop))],
        capture_output=True,
        check=False,
    )
    assert ended.returncode != 0
    assert database.read_bytes() == before
    assert not previous(database).exists()
    assert put(database, customers(0, 40)).changes.added == 10
    assert sorted(everything(database)) == ["customers.db", "customers.db.previous"]


IMPORT_AND_STOP_LATE = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background ignores it
from pathlib import Path
from caller_id import customer_database
from caller_id.customer_import import import_customers
customer_database._BATCH = 100
told = 0
def problem(bad):
    global told
    told += 1
    if told == 4:
        os.kill(os.getpid(), int(sys.argv[3]))
import_customers(Path(sys.argv[1]), Path(sys.argv[2]), most_lost=1000, on_problem=problem)
"""


def _interrupted(source: Path, database: Path, stop: int) -> None:
    """After some checkpoints, and some rows behind the last."""
    arguments = [sys.executable, "-c", IMPORT_AND_STOP_LATE, str(source), str(database), str(int(stop))]
    assert subprocess.run(arguments, capture_output=True, check=False).returncode != 0


def _with_mistakes() -> list[str]:
    rows = customers(0, 1000)
    for at in (50, 150, 250, 450, 850, 999):
        rows[at] = "?,sme,,,"
    return rows


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_import_goes_on_where_it_stopped(database: Path, tmp_path: Path, stop: int) -> None:
    """With the same result as one that was not: every customer, every refusal counted once."""
    rows = [*_with_mistakes(), *customers(7, 9)]
    _interrupted(file(tmp_path, rows), database, stop)
    report = put(database, rows)
    assert report.resumed_after > 200
    assert (report.done, report.now.numbers, report.repeated) == (True, 994, 2)
    assert (report.rows, report.refused, report.reasons) == (996, 6, {"the number cannot be read": 6})
    assert sorted(everything(database)) == ["customers.db"]
    assert put(database, rows).resumed_after == 0


@pytest.mark.parametrize("damage", ["another file", "torn", "no database", "no checkpoint"])
def test_what_cannot_be_gone_on_with_is_begun_anew(database: Path, tmp_path: Path, damage: str) -> None:
    rows = _with_mistakes()
    _interrupted(file(tmp_path, rows), database, signal.SIGKILL)
    new = database.with_name("customers.db.new")
    match damage:
        case "another file":
            rows = customers(0, 900)
        case "torn":
            for path in (new, new.with_name("customers.db.new-wal")):
                content = path.read_bytes()
                path.write_bytes(content[:100] + b"x" * (len(content) - 100))
        case "no database":
            new.write_bytes(b"text " * 1000)
            new.with_name("customers.db.new-wal").unlink()
        case _:
            with closing(sqlite3.connect(new)) as connection, connection:
                connection.execute("DELETE FROM made WHERE name = 'checkpoint'")
    report = put(database, rows)
    assert (report.done, report.resumed_after, report.now.numbers) == (True, 0, 900 if damage == "another file" else 994)


def test_a_dry_run_neither_goes_on_nor_disturbs_an_interrupted_import(database: Path, tmp_path: Path) -> None:
    rows = _with_mistakes()
    _interrupted(file(tmp_path, rows), database, signal.SIGKILL)
    assert put(database, rows, dry_run=True).resumed_after == 0
    assert put(database, rows).resumed_after > 200


def test_a_customer_may_have_several_numbers_and_changed_ones_are_forgotten(database: Path) -> None:
    """The next import says which numbers count: a number given up, and given to somebody else, is not the customer's any more."""
    put(database, ["600100200,select,,,A", "221234567,select,,,A", "600100300,sme,,,B"])
    with closing(SqliteDirectory(database)) as directory:
        both = (directory.find("+48600100200"), directory.find("+48221234567"))
        assert {found[0].customer_ref for found in both} == {"A"}
        put(database, ["600100999,select,,,A", "221234567,select,,,A", "600100200,mass,,,B"])
        assert directory.find("+48600100200")[0].customer_ref == "B"
        assert directory.find("+48600100300") == ()
        assert directory.find("+48600100999")[0].customer_ref == "A"


def test_an_extension_names_no_customer(database: Path) -> None:
    """The switchboard would count as theirs, whoever calls from it."""
    rows = ["22 123 45 67 w. 12,private_banking,,,A", "+48221234567;ext=4,sme,,,B", "221234567,sme,,,C"]
    report = put(database, rows)
    assert report.reasons == {"the number has an extension": 2}
    assert report.now.numbers == 1


@pytest.mark.parametrize("call", ["replace", "fsync", "link"])
def test_a_disk_that_fails_at_the_last_moment_costs_nothing(database: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Told with the file; a disk without hard links gets a copy."""
    put(database, customers(0, 3))

    def failing(*arguments: object, **named: object) -> None:
        raise OSError(28, "No space left on device", str(database))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing)
        if call == "link":
            assert put(database, customers(0, 5)).done
            assert now(previous(database)).numbers == 3
            return
        with pytest.raises(DirectoryError, match=r"No space left on device. The old customers are still in place"):
            put(database, customers(0, 5))
    assert now(database).numbers == 3


def test_a_full_disk_while_reading_costs_nothing(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(database, customers(0, 3))

    def full(*arguments: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(customer_import, "fill", full)
    with pytest.raises(DirectoryError, match=r"disk is full. The old customers are still in place"):
        put(database, customers(0, 5))
    assert sorted(everything(database)) == ["customers.db"]
    assert now(database).numbers == 3


def test_a_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DirectoryError, match="cannot be written"):
        put(tmp_path / "taken" / "customers.db", customers(0, 3))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_imports_belongs_to_whom_the_folder_belongs(database: Path) -> None:
    """The service must be able to read it."""
    database.parent.mkdir()
    os.chown(database.parent, 65534, 65534)
    for count in (3, 5):
        put(database, customers(0, count))
    assert {(path.stat().st_uid, path.stat().st_gid) for path in database.parent.iterdir()} == {(65534, 65534)}


def test_progress_goes_through_both_parts(database: Path, tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    source = file(tmp_path, customers(0, 5000))
    import_customers(source, database, most_lost=0, progress=lambda doing, share: told.append((doing, share)))
    assert [doing for doing, _ in told] == sorted((doing for doing, _ in told), reverse=True)
    assert {doing for doing, _ in told} == {"reading", "comparing"}
