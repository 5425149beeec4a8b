"""The customers' CSV, read row by row: every bad row is explained by its line, and the good ones are kept."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TextIO

from caller_id.directory import DirectoryError
from caller_id.phone_numbers import parse_number
from caller_id.types import Segment

COLUMNS = ("number", "segment", "language", "tenure_years", "customer_ref")
_REQUIRED = ("number", "segment")
_DELIMITERS = (",", ";", "\t")
_POLISH = re.compile(r"\+48[1-9]\d{8}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_OPAQUE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_PERSONAL = re.compile(r"\d{11}|\d{16}|\d{26}")  # the shapes of PESEL, card and account numbers
_LONGEST_TENURE = 100.0
_LONGEST_LINE = 4096
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One good row."""

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

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}. {self.advice}."


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How an import went."""

    imported: int
    """Rows taken."""
    problems: tuple[RowProblem, ...] = ()
    """Rows left out."""


class _BadValue(Exception):
    """A value that cannot be used: what is wrong, and what to write instead."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what, self.advice = what, advice


def read_customers(path: Path) -> tuple[list[CustomerRow], ImportReport]:
    """The good rows, and a report on all.

    The first line names the columns (`COLUMNS`, in any order; the last three may be missing); the separator is a comma, a
    semicolon or a tab. Raises DirectoryError when the file cannot be read or its first line cannot be used.
    """
    rows: list[CustomerRow] = []
    problems: list[RowProblem] = []
    try:
        with path.open("rb") as raw:
            if raw.read(2) in _UTF_16:
                raise DirectoryError(f"{path}: is UTF-16, not UTF-8. Save the CSV as UTF-8.")
        # a byte that is no UTF-8 costs its line only; universal newlines: also those of old Macs
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            lines = _lines(file)
            columns, delimiter = _heading(path, lines)
            for number, line in lines:
                try:
                    if (row := _row(line, columns, delimiter)) is not None:
                        rows.append(row)
                except _BadValue as bad:
                    problems.append(RowProblem(number, bad.what, bad.advice))
    except OSError as error:
        raise DirectoryError(f"{path}: cannot be read: {error.strerror}. Give the path of the customers' CSV.") from error
    return rows, ImportReport(len(rows), tuple(problems))


def _lines(file: TextIO) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; of one that is too long only the beginning, and it is never held whole."""
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        rest = line
        while len(line) > _LONGEST_LINE and rest and not rest.endswith("\n"):
            rest = file.readline(1 << 16)
        yield number, line


def _heading(path: Path, lines: Iterator[tuple[int, str]]) -> tuple[Sequence[str], str]:
    """The names of the columns and the separator; empty lines and Excel's "sep=;" may stand before them."""
    said = ""
    for number, line in lines:
        text = _visible(line)
        if text[:4].lower() == "sep=" and text[4:] in _DELIMITERS:
            said = text[4:]
        elif text:
            if _not_utf8(line) or len(line) > _LONGEST_LINE:
                raise DirectoryError(
                    f"{path}:{number}: the first line is not UTF-8 or too long. Save as UTF-8, the names of the columns first."
                )
            delimiter = said or max(_DELIMITERS, key=line.count)
            return _columns(f"{path}:{number}", line, delimiter), delimiter
    raise DirectoryError(f"{path}:1: the file is empty. The first line must name some of: {', '.join(COLUMNS)}.")


def _columns(where: str, heading: str, delimiter: str) -> list[str]:
    names = [re.sub(r"[\s-]+", "_", _visible(_visible(name).strip('"')).lower()) for name in heading.split(delimiter)]
    while names and not names[-1]:
        names.pop()  # a separator at the end of each line
    if not set(names) & set(COLUMNS):  # not repeated: without a heading it is a customer's row
        raise DirectoryError(f"{where}: names no column. The first line must name some of: {', '.join(COLUMNS)}.")
    wrong = [f"no column {name}" for name in _REQUIRED if name not in names]
    wrong += [f"unknown column {name[:20]!r}" if name else "a column without a name" for name in names if name not in COLUMNS]
    wrong += [f"column {name} stands twice" for name in sorted(set(names)) if names.count(name) > 1 and name in COLUMNS]
    if wrong:
        raise DirectoryError(f"{where}: {', '.join(wrong)}. The first line must name some of: {', '.join(COLUMNS)}.")
    return names


def _row(line: str, columns: Sequence[str], delimiter: str) -> CustomerRow | None:
    """None for a row without any value, as spreadsheets leave them. Each line is read by itself: an open quote costs one row."""
    if len(line) > _LONGEST_LINE:
        raise _BadValue(f"the line is longer than {_LONGEST_LINE} characters", "Write one customer a line")
    if _not_utf8(line):
        raise _BadValue("the line is not UTF-8", "Save the CSV as UTF-8")
    try:
        values = [_visible(value) for value in next(csv.reader((line,), delimiter=delimiter, strict=True), ())]
    except csv.Error:
        raise _BadValue("a quote is not closed or stands inside a value", "Quote whole values, or none") from None
    if not any(values):
        return None
    if any(values[len(columns) :]):
        raise _BadValue("more values than columns", "Quote a value that holds the separator")
    return _customer(dict(zip(columns, values, strict=False)))


def _customer(values: Mapping[str, str]) -> CustomerRow:
    return CustomerRow(
        number=_number(values.get("number", "")),
        segment=_segment(values.get("segment", "")),
        language=_language(values.get("language", "")),
        tenure_years=_tenure(values.get("tenure_years", "")),
        customer_ref=_customer_ref(values.get("customer_ref", "")),
    )


def _not_utf8(line: str) -> bool:
    """Whether bytes were kept as surrogates because they are no UTF-8."""
    return not line.isascii() and any("\udc80" <= letter <= "\udcff" for letter in line)


def _visible(text: str) -> str:
    """The text without what nobody sees: marks of writing direction, zero-width and byte order marks, spaces around it."""
    if text.isascii():
        return text.strip()
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cf").strip()


def _number(text: str) -> str:
    if not text:
        raise _BadValue("the number is missing", "Write it like +48600100200")
    # a bank's export is mostly in this form already; reading it in full takes ten times as long as the rest of the row
    number = text if _POLISH.fullmatch(text) else parse_number(text).e164
    if number is None:
        raise _BadValue("the number cannot be read", "Write it like +48600100200")
    return number


def _segment(text: str) -> Segment:
    try:
        return Segment(text.lower())
    except ValueError:
        near = get_close_matches(text.lower()[:40], list(Segment), n=1)
    if near:
        raise _BadValue(f"unknown segment {text[:20]!r}", f"Did you mean {near[0]}")
    raise _BadValue("unknown segment" if text else "the segment is missing", f"Use one of {', '.join(Segment)}")


def _language(text: str) -> str | None:
    if text and not _LANGUAGE.fullmatch(text.lower()):
        raise _BadValue("the language is no code", "Write two letters (pl, en, uk) or leave it empty")
    return text.lower() or None


def _tenure(text: str) -> float | None:
    if not text:
        return None
    try:
        years = float(text.replace(",", "."))
    except ValueError:
        years = -1.0
    if not 0 <= years <= _LONGEST_TENURE:
        raise _BadValue("tenure_years is no number of years", "Write it like 3.5 or leave it empty")
    return years


def _customer_ref(text: str) -> str:
    if text and (not _OPAQUE.fullmatch(text) or _PERSONAL.fullmatch(text)):
        raise _BadValue(
            "customer_ref is not opaque",
            "Use up to 64 letters, digits, dots, dashes; never a name, PESEL, card or account number",
        )
    return text
