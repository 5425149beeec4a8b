"""Tables as people save them: CSV in the encodings and with the separators of spreadsheets, or XLSX, read row by row."""

from __future__ import annotations

import codecs
import csv
import re
import warnings
import zipfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, time
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from caller_id.directory import DirectoryError

_DELIMITERS = (",", ";", "\t")
_LONGEST_LINE = 4096
_CHUNK = 1 << 20
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"  # an XLS of before 2007, or an XLSX with a password
_MOST_EXCEL_ROWS = 1_048_576
_MOST_EXCEL_BYTES = 4 << 30  # of the unpacked sheets: a full one of a customers' table has a tenth of it
_ROWS_A_STEP = 2000

Progress = Callable[[float], None]
"""Gets the share of the file that has been read, 0 to 1."""


class RowError(Exception):
    """A row that cannot be used: what is wrong, and what to write instead."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what, self.advice = what, advice


Row = tuple[int, Sequence[str] | RowError]
"""The number of the line (of a sheet: of the row), and its values, without what nobody sees."""


def read_table(path: Path, progress: Progress = lambda share: None) -> Generator[Row, None, None]:
    """The rows that hold anything, from the first. Memory does not grow with the file (of an XLSX: only with its texts).

    Raises DirectoryError when the file cannot be read at all.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(_ZIP))
        if start == _OLE:
            raise DirectoryError(f"{path}: is an old XLS, or has a password. Save it as XLSX or CSV, without a password.")
        yield from _sheet_rows(path, progress) if start == _ZIP else _text_rows(path, progress)
    except OSError as error:
        raise DirectoryError(
            f"{path}: cannot be read: {error.strerror or error}. Give the path of the customers' CSV or XLSX."
        ) from error


# ---------------------------------------------------------------- CSV


def _text_rows(path: Path, progress: Progress) -> Iterator[Row]:
    size = max(path.stat().st_size, 1)
    encoding = encoding_of(path)
    # a byte that means nothing costs its line only; universal newlines: also those of old Macs
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    with path.open("rb") as raw, TextIOWrapper(raw, encoding, errors) as file:
        delimiter = ""
        for number, line in _lines(file):
            if number % _ROWS_A_STEP == 0:
                progress(raw.tell() / size)
            text = visible(line)
            if not delimiter and text[:4].lower() == "sep=" and text[4:] in _DELIMITERS:
                delimiter = text[4:]
            elif text:
                delimiter = delimiter or max(_DELIMITERS, key=line.count)
                row = _split(line, delimiter)
                if isinstance(row, RowError) or any(row):
                    yield number, row


def _lines(file: TextIO) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; of one that is too long only the beginning, and it is never held whole."""
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        rest = line
        while len(line) > _LONGEST_LINE and rest and not rest.endswith("\n"):
            rest = file.readline(1 << 16)
        yield number, line


def _split(line: str, delimiter: str) -> list[str] | RowError:
    """Each line is read by itself: an open quote costs one row."""
    if len(line) > _LONGEST_LINE:
        return RowError(f"the line is longer than {_LONGEST_LINE} characters", "Write one customer a line")
    if not line.isascii() and re.search("[\udc80-\udcff\ufffd]", line):
        return RowError("the line holds bytes that are no letters", "Save the CSV as UTF-8")
    try:
        return [visible(value) for value in next(csv.reader((line,), delimiter=delimiter, strict=True), ())]
    except csv.Error:
        return RowError("a quote is not closed or stands inside a value", "Quote whole values, or none")


def encoding_of(path: Path) -> str:
    """Of a text: UTF-8, UTF-16 as Excel's "Unicode text", or Windows-1250 as its CSV in Central Europe."""
    with path.open("rb") as file:
        start = file.read(64)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        for zeros, encoding in ((start[1::2], "utf-16-le"), (start[::2], "utf-16-be")):
            if len(start) > 3 and not any(zeros):
                return encoding
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        right = wrong = 0
        while chunk := file.read(_CHUNK):
            if not (text := decoder.decode(chunk)).isascii():
                strange = len(re.findall("[\udc80-\udcff]", text))
                wrong += strange
                right += len(re.findall("[^\x00-\x7f]", text)) - strange
    return "cp1250" if wrong > right else "utf-8-sig"


def visible(text: str) -> str:
    """The text without what nobody sees: marks of writing direction, zero-width and byte order marks, spaces around it."""
    return text.strip() if text.isascii() else _HIDDEN.sub("", text).strip()


# the characters of Unicode's category Cf that stand in texts: soft hyphen, zero width, direction, joiners, byte order mark
_HIDDEN = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")


# ---------------------------------------------------------------- XLSX


def _sheet_rows(path: Path, progress: Progress) -> Iterator[Row]:
    """The first sheet's rows."""
    try:
        with path.open("rb") as file:
            yield from _cells(path, file, progress)
    except DirectoryError:
        raise
    except Exception as error:  # what the library raises on a ZIP that is no workbook, or on a damaged one, is not documented
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DirectoryError(f"{path}: is no workbook that can be read, or it is damaged. Save it as XLSX or CSV.") from error


def _cells(path: Path, file: BinaryIO, progress: Progress) -> Iterator[Row]:
    from openpyxl import load_workbook  # takes a while: who reads CSV does not wait for it

    size = path.stat().st_size
    with zipfile.ZipFile(file) as archive:
        if sum(part.file_size for part in archive.infolist()) > _MOST_EXCEL_BYTES:
            raise DirectoryError(f"{path}: is too large once unpacked. Save it as CSV.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions, which we do not read
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    with closing(book):
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # some programs write wrong ones, and rows would be missing
        for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            if number > _MOST_EXCEL_ROWS:
                raise DirectoryError(f"{path}: has rows beyond {_MOST_EXCEL_ROWS}. Save it as CSV.")
            if number % _ROWS_A_STEP == 0:
                progress(file.tell() / size)  # the sheet is nearly all of the file
            values = [visible(_cell(cell)) for cell in cells]
            if any(values):
                yield number, values


def _cell(value: object) -> str:
    """A cell as text. Excel keeps whole numbers as floats at times: 48600100200.0."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)[: _LONGEST_LINE + 1]
