"""The customer directory of a running service, in one SQLite file that an import replaces under it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from caller_id.customer_database import customers_of, open_database, unreadable
from caller_id.directory import Customer, DirectoryError


class SqliteDirectory:
    """A `CustomerDirectory` on a local file. A look-up takes some microseconds.

    Before each one the file's state is asked for, so that an import is used from the next call on, and one that was never made
    is found as soon as it is there. Without a file nobody is known.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._seen: tuple[int, ...] = ()

    async def look_up(self, number: str) -> tuple[Customer, ...]:
        """See `CustomerDirectory`."""
        return self.find(number)

    def find(self, number: str) -> tuple[Customer, ...]:
        """Every customer with this E.164 number, at once. Raises DirectoryError when the file cannot be read."""
        connection = self._current()
        try:
            return customers_of(connection, number) if connection is not None else ()
        except (sqlite3.Error, ValueError) as error:
            raise unreadable(self.path, error) from error

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._seen = None, ()

    def _current(self) -> sqlite3.Connection | None:
        """The file as it is now; None when there is none. Raises DirectoryError."""
        try:
            state = self.path.stat()
        except FileNotFoundError:
            self.close()
            return None
        except OSError as error:
            raise DirectoryError(f"{self.path}: cannot be read: {error.strerror}. Let the service read it.") from error
        seen = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
        if self._connection is None or seen != self._seen:
            self.close()
            self._connection, self._seen = open_database(self.path), seen
        return self._connection
