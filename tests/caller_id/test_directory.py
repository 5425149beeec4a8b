"""The customer directory and its import."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caller_id.customers_csv import read_customers
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


def test_a_separator_at_the_end_of_each_line_is_no_column(directory: SqliteDirectory, tmp_path: Path) -> None:
    """As some exports write it; a value there is one too many all the same."""
    lines = "number;segment;language;\n600100200;select;pl;\n600100201;sme;;\n600100202;sme;pl;x\n"
    report = directory.import_csv(csv(tmp_path, lines))
    assert report.imported == 2
    assert [problem.line for problem in report.problems] == [4]


@pytest.mark.parametrize("mark", ["\u200b", "\u200e", "\u202a", "\u2060", "\ufeff", "\u00a0", "\u00ad"])
def test_marks_that_nobody_sees_cost_no_row(directory: SqliteDirectory, tmp_path: Path, mark: str) -> None:
    """Copied from a web page or a chat, a number brings them along."""
    text = f"{mark}number{mark},segment\n{mark}+48600100200{mark},{mark}select{mark}\n"
    assert directory.import_csv(csv(tmp_path, text)).problems == ()
    assert directory.look_up("+48600100200")[0].segment is Segment.SELECT


GOOD = "600100200,sme\n"


@pytest.mark.parametrize(
    ("bad", "line", "told"),
    [
        ('"600100201,sme\n', 3, "a quote is not closed"),
        ('600"100"201,"sme"x\n', 3, "stands inside a value"),
        ("6" * 10_000_000 + ",sme\n", 3, "longer than 4096 characters"),
        ("600\x00100201,sme\n", 3, "cannot be read"),
        ("600100201,sm\udcbf\n", 3, "not UTF-8"),
        ("600100201\n", 3, "the segment is missing"),
        (",sme\n", 3, "the number is missing"),
        ("600100201,sme,x\n", 3, "more values than columns"),
        ("\n\n6001,sme\n", 5, "cannot be read"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_a_bad_line_costs_itself_and_is_named(tmp_path: Path, bad: str, line: int, told: str, end: str) -> None:
    path = tmp_path / "customers.csv"
    text = ("number,segment\n" + GOOD + bad + GOOD.replace("200", "202")).replace("\n", end)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    rows, report = read_customers(path)
    assert [row.number for row in rows] == ["+48600100200", "+48600100202"]
    assert [problem.line for problem in report.problems] == [line]
    assert told in str(report.problems[0])


@pytest.mark.parametrize(
    "heading",
    [
        " Number ; SEGMENT ;Tenure Years\n",
        '"number";"segment";"tenure-years"\n',
        "\ufeff\n\nnumber;segment;tenure_years\n",
        "sep=;\nnumber;segment;tenure_years;\n",
    ],
)
def test_a_heading_is_read_as_people_write_it(tmp_path: Path, heading: str) -> None:
    rows, report = read_customers(csv(tmp_path, heading + "600100200;sme;3,5\n;;\n   \n"))
    assert report.problems == (), "a row without values is none"
    assert [row.tenure_years for row in rows] == [3.5]


def test_columns_that_slipped_show_nothing_personal(tmp_path: Path) -> None:
    """A name or a PESEL may stand in any column, and the report goes to a log."""
    text = (
        HEADING
        + "600100200,44051401359,Jan Kowalski,Jan Kowalski,C\n600100200,sme,Jan Kowalski,,\n600100200,sme,,Jan Kowalski,\n"
    )
    told = "\n".join(map(str, read_customers(csv(tmp_path, text))[1].problems))
    assert told.count("line") == 3
    assert "Kowalski" not in told
    assert "44051401359" not in told
    with pytest.raises(DirectoryError) as error:
        read_customers(csv(tmp_path, "600100200,Jan Kowalski\n"))
    assert "Kowalski" not in str(error.value)


def test_tabs_separate_too(directory: SqliteDirectory, tmp_path: Path) -> None:
    assert directory.import_csv(csv(tmp_path, "number\tsegment\n600100200\tselect\n")).imported == 1


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
        ("number,segment,number\n", "utf-8", "column number stands twice"),
        ("number,segment,,language\n", "utf-8", "a column without a name"),
        ("+48600100200,mass\n", "utf-8", ":1: names no column"),
        ("number|segment\n", "utf-8", "names no column"),
        ("", "utf-8", ":1: the file is empty"),
        ("\n\n", "utf-8", "the file is empty"),
        ("number,segment,język\n", "cp1250", ":1: the first line is not UTF-8"),
        ("number,segment\n", "utf-16", "is UTF-16"),
        ("n\0u\0m\0", "utf-8", "names no column"),
        ("n" * 10_000_000, "utf-8", "too long"),
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
    """Both name the file and the fix."""
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


@given(st.binary(max_size=400) | st.text(alphabet='0123456789+,;\t\n\r" naumbersgt\x00\ufeff', max_size=400).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_imported_or_explained(tmp_path: Path, content: bytes) -> None:
    """Whatever a person saved: rows, problems by line, or one error that names the file."""
    path = tmp_path / "any.csv"
    path.write_bytes(b"number,segment\n" + content)
    with suppress(DirectoryError):
        rows, report = read_customers(path)
        assert report.imported == len(rows)
