"""The customer directory and its import."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caller_id.directory import Customer, DirectoryError, agreed
from caller_id.sqlite_directory import SqliteDirectory
from caller_id.types import Segment

HEADING = "number,segment,language,tenure_years,customer_ref\n"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[SqliteDirectory]:
    opened = SqliteDirectory(tmp_path / "customers.db")
    yield opened
    opened.close()


def csv(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "customers.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_customers_are_found_by_number_however_the_csv_wrote_it(directory: SqliteDirectory, tmp_path: Path) -> None:
    """Numbers are stored as E.164; empty values are unknown."""
    report = directory.import_csv(csv(tmp_path, HEADING + '600 100 200,private_banking,pl,"12,5",C-1\n0048600100201,SME,,,\n'))
    assert (report.imported, report.problems) == (2, ())
    assert directory.look_up("+48600100200") == (Customer(Segment.PRIVATE_BANKING, "pl", 12.5, "C-1"),)
    assert directory.look_up("+48600100201") == (Customer(Segment.SME, None, None, None),)
    assert directory.look_up("+48600100202") == ()


def test_a_spreadsheets_csv_is_read(directory: SqliteDirectory, tmp_path: Path) -> None:
    """Semicolons, a byte order mark, Windows line ends, columns in another order and some missing."""
    report = directory.import_csv(csv(tmp_path, "\ufeffSegment;Number\r\nselect;600100200\r\n"))
    assert report.imported == 1
    assert directory.look_up("+48600100200")[0].segment is Segment.SELECT


def test_every_bad_row_is_explained_by_its_line_and_the_rest_imported(directory: SqliteDirectory, tmp_path: Path) -> None:
    """One mistake costs one row; nothing personal of it is repeated."""
    rows = [
        "600100200,mass,pl,1,C-1",
        "12,mass,pl,1,C-2",
        "600100201,privat_banking,pl,1,C-3",
        "600100202,mass,polish,1,C-4",
        "600100203,mass,pl,since 2001,C-5",
        "600100204,mass,pl,1,44051401359",
        "600100205,mass,pl,1,Jan Kowalski",
        "600100206,mass,pl,1,C-6,more",
        "600100207,gold,,,",
        "600100208,mass,,,C-9",
    ]
    report = directory.import_csv(csv(tmp_path, HEADING + "\n".join(rows)))
    assert report.imported == 2
    assert [problem.line for problem in report.problems] == [3, 4, 5, 6, 7, 8, 9, 10]
    told = "\n".join(map(str, report.problems))
    assert "line 4: unknown segment 'privat_banking'. Did you mean private_banking." in told
    assert "Use one of private_banking, select, sme, mass" in told
    for personal in ("44051401359", "Kowalski", "600100204"):
        assert personal not in told


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        ("segment\nmass\n", "utf-8", ":1: no column number"),
        ("number,segment,name\n", "utf-8", "unknown column 'name'"),
        ("", "utf-8", "no column number, no column segment"),
        (HEADING + "600100200,mass,pl,1,ż\n", "cp1250", "is not UTF-8"),
    ],
)
def test_an_unusable_csv_says_what_to_do_and_changes_nothing(
    directory: SqliteDirectory, tmp_path: Path, content: str, encoding: str, said: str
) -> None:
    """The old customers stay."""
    directory.import_csv(csv(tmp_path, HEADING + "600100200,sme,,,\n"))
    with pytest.raises(DirectoryError, match=said):
        directory.import_csv(csv(tmp_path, content, encoding))
    assert len(directory) == 1


def test_an_import_replaces_all_rows_and_one_without_good_rows_replaces_none(directory: SqliteDirectory, tmp_path: Path) -> None:
    """A customer who left is gone; a broken export does not empty the directory."""
    directory.import_csv(csv(tmp_path, HEADING + "600100200,sme,,,\n"))
    directory.import_csv(csv(tmp_path, HEADING + "600100201,sme,,,\n"))
    assert (directory.look_up("+48600100200"), len(directory)) == ((), 1)
    report = directory.import_csv(csv(tmp_path, HEADING + "x,sme,,,\n"))
    assert (report.imported, len(report.problems), len(directory)) == (0, 1, 1)


def test_a_missing_csv_and_an_unusable_database_are_explained(directory: SqliteDirectory, tmp_path: Path) -> None:
    """Both name the file and the mend."""
    with pytest.raises(DirectoryError, match=r"nowhere\.csv: cannot be read"):
        directory.import_csv(tmp_path / "nowhere.csv")
    (tmp_path / "text.db").write_text("no database at all, only text that is long enough to be looked at" * 20)
    with pytest.raises(DirectoryError, match="Give a writable SQLite file"):
        SqliteDirectory(tmp_path / "text.db")


def test_an_open_directory_sees_an_import_made_by_another(directory: SqliteDirectory, tmp_path: Path) -> None:
    """The nightly import is a process of its own."""
    assert directory.look_up("+48600100200") == ()
    other = SqliteDirectory(tmp_path / "customers.db")
    other.import_csv(csv(tmp_path, HEADING + "600100200,sme,,,\n"))
    other.close()
    assert directory.look_up("+48600100200")[0].segment is Segment.SME


def test_several_customers_on_one_number_are_all_found(directory: SqliteDirectory, tmp_path: Path) -> None:
    """A number may be a family's."""
    directory.import_csv(csv(tmp_path, HEADING + "600100200,sme,,,A\n600100200,mass,,,B\n"))
    assert {customer.customer_ref for customer in directory.look_up("+48600100200")} == {"A", "B"}


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
