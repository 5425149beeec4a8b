"""The customer directory in one SQLite file, filled from a CSV."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from caller_id.customers_csv import CustomerRow, ImportReport, read_customers
from caller_id.directory import Customer, DirectoryError
from caller_id.types import Segment

_SCHEMA = """
CREATE TABLE IF NOT EXISTS customers (
    number TEXT NOT NULL,
    customer_ref TEXT NOT NULL,
    segment TEXT NOT NULL,
    language TEXT,
    tenure_years REAL,
    PRIMARY KEY (number, customer_ref)
) WITHOUT ROWID
"""
_SELECT = "SELECT segment, language, tenure_years, customer_ref FROM customers WHERE number = ?"
_INSERT = "INSERT OR REPLACE INTO customers (number, customer_ref, segment, language, tenure_years) VALUES (?, ?, ?, ?, ?)"


class SqliteDirectory:
    """A `CustomerDirectory` on a local file. A look-up takes some microseconds and sees an import as soon as it is complete."""

    def __init__(self, path: Path) -> None:
        """Open, and create when missing. Raises DirectoryError."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False, timeout=0.05, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise DirectoryError(
                f"{path}: cannot be opened as a customer directory: {error}. Give a writable SQLite file."
            ) from error

    def look_up(self, number: str) -> tuple[Customer, ...]:
        """Every customer with this E.164 number. Raises DirectoryError when the file cannot be read."""
        try:
            rows = self._connection.execute(_SELECT, (number,)).fetchall()
            return tuple(Customer(Segment(segment), language, tenure, ref or None) for segment, language, tenure, ref in rows)
        except (sqlite3.Error, ValueError) as error:
            raise DirectoryError(f"{self._path}: cannot be read: {error}. Import the customers' CSV again.") from error

    def import_csv(self, csv_path: Path) -> ImportReport:
        """Replace everything by the rows of a CSV (`number,segment,language,tenure_years,customer_ref`), all at once.

        Bad rows are left out and explained in the report. When no row is good, nothing is replaced. Raises DirectoryError when
        the CSV cannot be read at all.
        """
        rows, report = read_customers(csv_path)
        if rows:
            self._replace(rows)
        return report

    def _replace(self, rows: Iterable[CustomerRow]) -> None:
        values = ((row.number, row.customer_ref, row.segment.value, row.language, row.tenure_years) for row in rows)
        try:
            # a connection of its own: readers keep the old rows until the commit
            with closing(sqlite3.connect(self._path, timeout=10)) as writer, writer:
                writer.execute("DELETE FROM customers")
                writer.executemany(_INSERT, values)
        except sqlite3.Error as error:
            raise DirectoryError(f"{self._path}: cannot be written: {error}. The old customers are still in place.") from error

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM customers").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
