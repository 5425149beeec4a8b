"""The customers' table: every bad row is explained by its line, and the good ones are kept."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import zip_longest
from pathlib import Path

from caller_id.directory import DirectoryError
from caller_id.phone_numbers import parse_number
from caller_id.tables import Progress, Row, RowError, read_table, visible
from caller_id.types import Segment

COLUMNS = ("number", "segment", "language", "tenure_years", "customer_ref")
_REQUIRED = ("number", "segment")
_POLISH = re.compile(r"\+48[1-9]\d{8}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_OPAQUE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_PERSONAL = re.compile(r"\d{11}|\d{16}|\d{26}")  # the shapes of PESEL, card and account numbers
LONGEST_TENURE = 100.0
# what spreadsheets do to a number: ="600100200" and '600100200 keep it as text, 600100200.0 is a float, 6.001E+08 lost its digits
_AS_TEXT = re.compile(r"=\"([^\"]*)\"|'(.*)")
_AS_FLOAT = re.compile(r"(\+?\d{7,15})[.,]0{1,2}")
_SHORTENED = re.compile(r"\d([.,]\d*)?E\+?\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One good row."""

    line: int
    """Of the file."""
    number: str
    """E.164."""
    segment: Segment
    language: str | None
    """ISO 639, two letters."""
    tenure_years: float | None
    customer_ref: str
    """The bank's own opaque reference; "" where it gives none."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One bad row. It repeats nothing that may be personal: in a shifted row any column may hold a number or a name."""

    line: int
    """Of the file; the heading is on line 1."""
    what: str
    """What is wrong."""
    advice: str
    """What to write instead."""

    @property
    def reason(self) -> str:
        """What is wrong, without the value: for counting."""
        return self.what.partition(" '")[0]

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}. {self.advice}."


def read_customers(
    path: Path, progress: Progress = lambda share: None, *, after: int = 0
) -> Generator[CustomerRow | RowProblem, None, None]:
    """Every row behind line `after`: a customer, or why it is none. Memory does not grow with the file.

    The first line names the columns (`COLUMNS`, in any order; the last three may be missing). CSV with comma, semicolon or tab,
    in UTF-8, UTF-16 or Windows-1250, or the first sheet of an XLSX. Raises DirectoryError when the file cannot be read or its
    first line cannot be used.
    """
    with closing(read_table(path, progress)) as rows:
        columns = _columns(path, next(rows, None))
        for line, row in rows:
            if line <= after:
                continue
            try:
                yield _customer(line, _named(row, columns))
            except RowError as bad:
                yield RowProblem(line, bad.what, bad.advice)


def _columns(path: Path, heading: Row | None) -> list[str]:
    """The names of the columns."""
    wanted = f"The first line must name some of: {', '.join(COLUMNS)}."
    if heading is None:
        raise DirectoryError(f"{path}:1: the file is empty. {wanted}")
    line, cells = heading
    where = f"{path}:{line}"
    if isinstance(cells, RowError):
        raise DirectoryError(f"{where}: the names of the columns cannot be read: {cells.what}. {wanted}")
    names = [re.sub(r"[\s-]+", "_", visible(name).lower()) for name in cells]
    while names and not names[-1]:
        names.pop()  # a separator at the end of each line
    if not set(names) & set(COLUMNS):  # not repeated: without a heading it is a customer's row
        raise DirectoryError(f"{where}: names no column. {wanted}")
    wrong = [f"no column {name}" for name in _REQUIRED if name not in names]
    wrong += [f"unknown column {name[:20]!r}" if name else "a column without a name" for name in names if name not in COLUMNS]
    wrong += [f"column {name} stands twice" for name in sorted(set(names)) if names.count(name) > 1 and name in COLUMNS]
    if wrong:
        raise DirectoryError(f"{where}: {', '.join(wrong)}. {wanted}")
    return names


def _named(row: Sequence[str] | RowError, columns: Sequence[str]) -> Mapping[str, str]:
    """The values by their columns; those that are missing at the end are empty."""
    if isinstance(row, RowError):
        raise row
    if any(row[len(columns) :]):
        raise RowError("more values than columns", "Quote a value that holds the separator")
    return dict(zip_longest(columns, row[: len(columns)], fillvalue=""))


def _customer(line: int, values: Mapping[str, str]) -> CustomerRow:
    return CustomerRow(
        line=line,
        number=_number(values["number"]),
        segment=_segment(values["segment"]),
        language=_language(values.get("language", "")),
        tenure_years=_tenure(values.get("tenure_years", "")),
        customer_ref=_customer_ref(values.get("customer_ref", "")),
    )


def _number(text: str) -> str:
    if _POLISH.fullmatch(text):  # a bank's export is mostly in this form already; reading in full takes ten times as long
        return text
    if not text:
        raise RowError("the number is missing", "Write it like +48600100200")
    if kept := _AS_TEXT.fullmatch(text):
        text = kept[1] or kept[2] or ""
    if _SHORTENED.fullmatch(text):
        raise RowError("the spreadsheet has shortened the number", "Format the column as text, enter the numbers again, and save")
    if whole := _AS_FLOAT.fullmatch(text):
        text = whole[1]
    number = parse_number(text)
    if number.e164 is None:
        raise RowError("the number cannot be read", "Write it like +48600100200")
    if number.extension is not None:
        raise RowError(
            "the number has an extension", "Leave the customer out: whoever calls from there shows the switchboard alone"
        )
    return number.e164


def _segment(text: str) -> Segment:
    try:
        return Segment(text.lower())
    except ValueError:
        near = get_close_matches(text.lower()[:40], list(Segment), n=1)
    if near:
        raise RowError(f"unknown segment {text[:20]!r}", f"Did you mean {near[0]}")
    raise RowError("unknown segment" if text else "the segment is missing", f"Use one of {', '.join(Segment)}")


def _language(text: str) -> str | None:
    if text and not _LANGUAGE.fullmatch(text.lower()):
        raise RowError("the language is no code", "Write two letters (pl, en, uk) or leave it empty")
    return text.lower() or None


def _tenure(text: str) -> float | None:
    if not text:
        return None
    try:
        years = float(text.replace(",", "."))
    except ValueError:
        years = -1.0
    if not 0 <= years <= LONGEST_TENURE:
        raise RowError("tenure_years is no number of years", "Write it like 3.5 or leave it empty")
    return years


def is_opaque(ref: str) -> bool:
    """Whether a customer's reference can be taken for the bank's own, and for nothing personal."""
    return bool(_OPAQUE.fullmatch(ref)) and not _PERSONAL.fullmatch(ref)


def _customer_ref(text: str) -> str:
    if text and not is_opaque(text):
        raise RowError(
            "customer_ref is not opaque",
            "Use up to 64 letters, digits, dots, dashes; never a name, PESEL, card or account number",
        )
    return text
