"""The customers' CSV, read row by row: every bad row is explained by its line, and the good ones are kept."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from caller_id.directory import DirectoryError
from caller_id.numbers import parse_number
from caller_id.types import Segment

COLUMNS = ("number", "segment", "language", "tenure_years", "customer_ref")
_REQUIRED = ("number", "segment")
_POLISH = re.compile(r"\+48[1-9]\d{8}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_OPAQUE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_PERSONAL = re.compile(r"\d{11}|\d{16}|\d{26}")  # the shapes of PESEL, card and account numbers
_LONGEST_TENURE = 100.0


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One good row. `customer_ref` is "" where the bank gives none."""

    number: str
    segment: Segment
    language: str | None
    tenure_years: float | None
    customer_ref: str


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One bad row: its line in the file, what is wrong, and the mend. It repeats no number or reference: they are personal."""

    line: int
    what: str
    mend: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}. {self.mend}."


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How an import went: rows taken, and every row left out."""

    imported: int
    problems: tuple[RowProblem, ...] = ()


class _BadValue(Exception):
    """A value that cannot be used: what is wrong, and the mend."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.what, self.mend = what, mend


def read_customers(path: Path) -> tuple[list[CustomerRow], ImportReport]:
    """The good rows, and a report on all.

    The first line names the columns (`COLUMNS`, in any order; the last three may be missing); the separator is a comma or a
    semicolon. Raises DirectoryError when the file is missing, is not UTF-8, or its first line cannot be used.
    """
    rows: list[CustomerRow] = []
    problems: list[RowProblem] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            heading = file.readline()
            delimiter = ";" if heading.count(";") > heading.count(",") else ","
            reader = csv.DictReader(file, fieldnames=_columns(path, heading, delimiter), delimiter=delimiter)
            for values in reader:
                try:
                    rows.append(_row(values))
                except _BadValue as bad:
                    problems.append(RowProblem(reader.line_num + 1, bad.what, bad.mend))
    except OSError as error:
        raise DirectoryError(f"{path}: cannot be read: {error.strerror}. Give the path of the customers' CSV.") from error
    except UnicodeDecodeError as error:
        raise DirectoryError(f"{path}: is not UTF-8 (byte {error.start}). Save the CSV as UTF-8.") from error
    except csv.Error as error:
        raise DirectoryError(f"{path}: is no CSV ({error}). Save it as comma- or semicolon-separated text.") from error
    return rows, ImportReport(len(rows), tuple(problems))


def _columns(path: Path, heading: str, delimiter: str) -> list[str]:
    names = [name.strip().strip('"').lower() for name in heading.strip().split(delimiter)]
    missing = [name for name in _REQUIRED if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    if missing or unknown:
        wrong = [f"no column {name}" for name in missing] + [f"unknown column {name!r}" for name in unknown]
        raise DirectoryError(f"{path}:1: {', '.join(wrong)}. The first line must name some of: {', '.join(COLUMNS)}.")
    return names


def _row(values: Mapping[str | None, str | list[str] | None]) -> CustomerRow:
    if None in values:
        raise _BadValue("more values than columns", "Quote a value that holds the separator")
    text = {name: (value or "").strip() for name, value in values.items() if name and not isinstance(value, list)}
    return CustomerRow(
        number=_number(text["number"]),
        segment=_segment(text["segment"]),
        language=_language(text.get("language", "")),
        tenure_years=_tenure(text.get("tenure_years", "")),
        customer_ref=_customer_ref(text.get("customer_ref", "")),
    )


def _number(text: str) -> str:
    # a bank's export is mostly in this form already; reading it in full takes ten times as long as the rest of the row
    number = text if _POLISH.fullmatch(text) else parse_number(text).e164
    if number is None:
        raise _BadValue("the number cannot be read", "Write it like +48600100200")
    return number


def _segment(text: str) -> Segment:
    try:
        return Segment(text.lower())
    except ValueError:
        near = get_close_matches(text.lower(), list(Segment), n=1)
        mend = f"Did you mean {near[0]}" if near else f"Use one of {', '.join(Segment)}"
        raise _BadValue(f"unknown segment {text[:20]!r}", mend) from None


def _language(text: str) -> str | None:
    if text and not _LANGUAGE.fullmatch(text.lower()):
        raise _BadValue(f"language {text[:20]!r} is no code", "Write two letters (pl, en, uk) or leave it empty")
    return text.lower() or None


def _tenure(text: str) -> float | None:
    if not text:
        return None
    try:
        years = float(text.replace(",", "."))
    except ValueError:
        years = -1.0
    if not 0 <= years <= _LONGEST_TENURE:
        raise _BadValue(f"tenure_years {text[:20]!r} is no number of years", "Write it like 3.5 or leave it empty")
    return years


def _customer_ref(text: str) -> str:
    if text and (not _OPAQUE.fullmatch(text) or _PERSONAL.fullmatch(text)):
        raise _BadValue(
            "customer_ref is not opaque",
            "Use up to 64 letters, digits, dots, dashes; never a name, PESEL, card or account number",
        )
    return text
