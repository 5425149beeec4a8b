"""The customers' table, as people save it: CSV of many kinds, XLSX, and every mistake by its line."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from caller_id.customer_rows import CustomerRow, RowProblem, read_customers
from caller_id.directory import DirectoryError
from caller_id.types import Segment

HEADING = "number,segment,language,tenure_years,customer_ref\n"


def saved(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "customers.csv"
    path.write_bytes(text.encode(encoding))
    return path


def sheet(tmp_path: Path, *rows: Sequence[object]) -> Path:
    book = Workbook(write_only=True)
    page = book.create_sheet("Klienci")
    for row in rows:
        page.append(row)
    path = tmp_path / "customers.xlsx"
    book.save(path)
    return path


def read(path: Path) -> tuple[list[CustomerRow], list[RowProblem]]:
    rows = list(read_customers(path))
    return [row for row in rows if isinstance(row, CustomerRow)], [row for row in rows if isinstance(row, RowProblem)]


def test_a_row_is_read_however_the_csv_wrote_it(tmp_path: Path) -> None:
    """Numbers become E.164; empty values are unknown."""
    rows, problems = read(saved(tmp_path, HEADING + '600 100 200,private_banking,pl,"12,5",C-1\n0048600100201,SME,,,\n'))
    assert problems == []
    assert rows == [
        CustomerRow(2, "+48600100200", Segment.PRIVATE_BANKING, "pl", 12.5, "C-1"),
        CustomerRow(3, "+48600100201", Segment.SME, None, None, ""),
    ]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1250", "utf-16", "utf-16-le", "utf-16-be"], ids=lambda name: str(name)
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_csv_that_a_spreadsheet_saves_is_read(tmp_path: Path, encoding: str, separator: str, end: str) -> None:
    """With the space that a Polish spreadsheet puts between thousands, and a letter that only the right encoding reads."""
    lines = [["Segment", "Number"], ["select", "600\u00a0100\u00a0200"], ["zażółć", "600100201"], ["sme", "600100202"]]
    rows, problems = read(saved(tmp_path, end.join(separator.join(line) for line in lines), encoding))
    assert [(row.line, row.number) for row in rows] == [(2, "+48600100200"), (4, "+48600100202")]
    assert [str(problem) for problem in problems] == ["line 3: unknown segment. Use one of private_banking, select, sme, mass."]


def test_a_few_broken_letters_do_not_turn_a_file_into_another_encoding(tmp_path: Path) -> None:
    """They cost their lines."""
    path = tmp_path / "customers.csv"
    path.write_bytes("number,segment\n600100200,żółć\n".encode() + b"600100201,s\xb9me\n600100202,sme\n")
    rows, problems = read(path)
    assert [row.line for row in rows] == [4]
    assert [problem.what for problem in problems] == ["unknown segment", "the line holds bytes that are no letters"]


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("+48600100200", "+48600100200"),
        ("600 100 200", "+48600100200"),
        (48600100200, "+48600100200"),
        (48600100200.0, "+48600100200"),
        (600100200, "+48600100200"),
        (600100200.0, "+48600100200"),
        ("48600100200.0", "+48600100200"),
        ("48600100200,0", "+48600100200"),
        ("'+48600100200", "+48600100200"),
        ('="600100200"', None),
        (447911123456, "+447911123456"),
        ("4,86001E+10", None),
        ("4.86001E+10", None),
        (datetime(2026, 1, 1), None),  # noqa: DTZ001
        (True, None),
        ("#N/A", None),
    ],
)
def test_a_number_that_excel_took_for_something_else_is_read_or_refused(tmp_path: Path, cell: object, number: str | None) -> None:
    """Never read as another number. A formula in the sheet has no value until Excel has worked it out."""
    rows, problems = read(sheet(tmp_path, ["number", "segment"], [cell, "sme"], [600100201, "mass"]))
    assert [row.number for row in rows] == [*([number] if number else []), "+48600100201"]
    assert [problem.line for problem in problems] == ([] if number else [2])


@pytest.mark.parametrize("text", ['"=""600100200"""', "'600100200", "600100200.0", '"600100200,00"'])
def test_a_number_kept_as_text_is_read_from_a_csv(tmp_path: Path, text: str) -> None:
    """As Excel and pandas write it."""
    rows, problems = read(saved(tmp_path, f"number,segment\n{text},sme\n"))
    assert ([row.number for row in rows], problems) == (["+48600100200"], [])


def test_digits_that_the_spreadsheet_dropped_are_told_of(tmp_path: Path) -> None:
    (problem,) = read(saved(tmp_path, "number;segment\n4,86001E+10;sme\n"))[1]
    assert str(problem).startswith("line 2: the spreadsheet has shortened the number. Format the column as text")


def test_a_sheet_is_read_with_its_whole_and_broken_numbers_and_empty_rows(tmp_path: Path) -> None:
    """Rows keep Excel's numbers."""
    path = sheet(
        tmp_path,
        [None],
        list(HEADING.strip().split(",")),
        [600100200.0, "select", "pl", 3.5, 10001.0],
        [],
        [600100201, "sme", None, 7],
    )
    assert read(path) == (
        [
            CustomerRow(3, "+48600100200", Segment.SELECT, "pl", 3.5, "10001"),
            CustomerRow(5, "+48600100201", Segment.SME, None, 7.0, ""),
        ],
        [],
    )


def packed(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is an old XLS, or has a password"),
        (b"PK\x03\x04 cut off", "is no workbook"),
        (packed("customers.csv", b"number,segment\n"), "is no workbook"),
        (packed("[Content_Types].xml", b"<not xml"), "is no workbook"),
        (
            packed("[Content_Types].xml", b"<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'/>"),
            "is no workbook",
        ),
    ],
    ids=["xls", "cut", "zip", "broken", "hollow"],
)
def test_what_is_no_workbook_is_explained(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "customers.xlsx"
    path.write_bytes(content)
    with pytest.raises(DirectoryError, match=said):
        read(path)


def test_a_workbook_that_was_cut_off_is_explained(tmp_path: Path) -> None:
    """Wherever."""
    whole = sheet(tmp_path, ["number", "segment"], *([600100200 + row, "sme"] for row in range(300))).read_bytes()
    path = tmp_path / "cut.xlsx"
    for length in range(4, len(whole) - 1, len(whole) // 23):
        path.write_bytes(whole[:length])
        with pytest.raises(DirectoryError, match="is no workbook"):
            read(path)


@pytest.mark.parametrize("place", range(0, 6000, 271))
def test_a_damaged_workbook_is_read_or_explained(tmp_path: Path, place: int) -> None:
    path = sheet(tmp_path, ["number", "segment"], *([600100200 + row, "sme"] for row in range(300)))
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 0xFF
    path.write_bytes(content)
    with suppress(DirectoryError):
        read(path)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A list of these rows would take ten times as much."""
    path = saved(tmp_path, HEADING + "".join(f"+48600{row:06},sme,pl,3,C-{row}\n" for row in range(30_000)))
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_customers(path)) == 30_000
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_progress_is_the_share_of_the_file(tmp_path: Path, kind: str) -> None:
    if kind == "csv":
        path = saved(tmp_path, HEADING + "".join(f"+48600{row:06},sme,pl,3,C-{row}\n" for row in range(9000)))
    else:
        path = sheet(tmp_path, ["number", "segment"], *([f"+48600{row:06}", "sme"] for row in range(9000)))
    told: list[float] = []
    assert sum(1 for _ in read_customers(path, told.append)) == 9000
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] <= 1


def test_a_separator_at_the_end_of_each_line_is_no_column(tmp_path: Path) -> None:
    """As some exports write it; a value there is one too many all the same."""
    rows, problems = read(
        saved(tmp_path, "number;segment;language;\n600100200;select;pl;\n600100201;sme;;\n600100202;sme;pl;x\n")
    )
    assert len(rows) == 2
    assert [problem.line for problem in problems] == [4]


@pytest.mark.parametrize("mark", ["\u200b", "\u200e", "\u202a", "\u2060", "\ufeff", "\u00a0", "\u00ad"])
def test_marks_that_nobody_sees_cost_no_row(tmp_path: Path, mark: str) -> None:
    """Copied from a web page or a chat, a number brings them along."""
    (row,), problems = read(saved(tmp_path, f"{mark}number{mark},segment\n{mark}+48600100200{mark},{mark}select{mark}\n"))
    assert (row.number, row.segment, problems) == ("+48600100200", Segment.SELECT, [])


GOOD = "600100200,sme\n"


@pytest.mark.parametrize(
    ("bad", "line", "told"),
    [
        ('"600100201,sme\n', 3, "a quote is not closed"),
        ('600"100"201,"sme"x\n', 3, "stands inside a value"),
        ("6" * 10_000_000 + ",sme\n", 3, "longer than 4096 characters"),
        ("600\x00100201,sme\n", 3, "cannot be read"),
        ("600100201,smż\n", 3, "unknown segment"),
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
    rows, problems = read(path)
    assert [row.number for row in rows] == ["+48600100200", "+48600100202"]
    assert [problem.line for problem in problems] == [line]
    assert told in str(problems[0])


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
    rows, problems = read(saved(tmp_path, heading + "600100200;sme;3,5\n;;\n   \n"))
    assert problems == [], "a row without values is none"
    assert [row.tenure_years for row in rows] == [3.5]


def test_columns_that_slipped_show_nothing_personal(tmp_path: Path) -> None:
    """A name or a PESEL may stand in any column, and the report goes to a log."""
    text = (
        HEADING
        + "600100200,44051401359,Jan Kowalski,Jan Kowalski,C\n600100200,sme,Jan Kowalski,,\n600100200,sme,,Jan Kowalski,\n"
    )
    told = "\n".join(map(str, read(saved(tmp_path, text))[1]))
    assert told.count("line") == 3
    assert "Kowalski" not in told
    assert "44051401359" not in told
    with pytest.raises(DirectoryError) as error:
        read(saved(tmp_path, "600100200,Jan Kowalski\n"))
    assert "Kowalski" not in str(error.value)


def test_every_bad_row_is_explained_by_its_line_and_the_rest_imported(tmp_path: Path) -> None:
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
    good, problems = read(saved(tmp_path, HEADING + "\n".join(rows)))
    assert len(good) == 2
    assert [problem.line for problem in problems] == [3, 4, 5, 6, 7, 8, 9, 10]
    told = "\n".join(map(str, problems))
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
        ("number,segment,język\n", "cp1250", "unknown column 'język'"),
        ("number,segment,\x81\n", "latin-1", "no letters"),
        ("number|segment\n", "utf-16", "names no column"),
        ("n" * 10_000_000, "utf-8", "longer than 4096"),
    ],
)
def test_an_unusable_file_says_what_to_do(tmp_path: Path, content: str, encoding: str, said: str) -> None:
    with pytest.raises(DirectoryError, match=said):
        read(saved(tmp_path, content, encoding))


@pytest.mark.parametrize("name", ["nowhere.csv", "."])
def test_a_file_that_is_not_there_is_explained(tmp_path: Path, name: str) -> None:
    with pytest.raises(DirectoryError, match=r"cannot be read.*Give the path"):
        read(tmp_path / name)


@given(st.binary(max_size=400) | st.text(alphabet='0123456789+,;\t\n\r" naumbersgt\x00\ufeff', max_size=400).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_read_or_explained(tmp_path: Path, content: bytes) -> None:
    """Whatever a person saved: rows, problems by line, or one error that names the file."""
    path = tmp_path / "any.csv"
    for heading in (b"number,segment\n", b""):
        path.write_bytes(heading + content)
        with suppress(DirectoryError):
            assert all(isinstance(row, CustomerRow | RowProblem) for row in read_customers(path))
