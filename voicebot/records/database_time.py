"""The database's time of day, which all processes that share it agree on, whatever their machines' clocks say."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

_TOLD = {
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
}
"""Seconds since 1970."""
_ASKED_EVERY_S = 60.0
_NOTHING = timedelta(seconds=1)
"""Clocks that differ by less do not differ."""


@dataclass(slots=True)
class _Told:
    """What a database told last."""

    ahead: float | None = None
    """Of its time of day, before our monotonic clock, in seconds."""
    ask_at: float = 0.0


_ALL_TOLD: WeakKeyDictionary[Engine, _Told] = WeakKeyDictionary()
"""Of each engine: whoever goes by its time asks for all others, too."""


class DatabaseTime:
    """Turns moments of this process's clock into the database's. What one process writes and another compares with its own clock
    (who is alive, until when something is taken) must go by it: else one whose clock is ahead takes what is the others'.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._told = _ALL_TOLD.setdefault(engine, _Told())

    def at(self, moment: datetime) -> datetime:
        """What the database's clock shows at this moment of ours. Blocks once a minute for all who go by the same engine. Raises
        what SQLAlchemy raises before it was told for the first time; later a database that is away changes nothing.
        """
        if time.monotonic() >= self._told.ask_at:
            self._ask()
        if self._told.ahead is None:
            return moment
        behind = timedelta(seconds=time.monotonic() + self._told.ahead - time.time())
        return moment + behind if abs(behind) >= _NOTHING else moment

    def earlier(self, moment: datetime) -> datetime:
        """The moment by our clock or by the database's, whichever is earlier: what is deleted for its age is too old by both.
        See `at`.
        """
        return min(moment, self.at(moment))

    def _ask(self) -> None:
        told = _TOLD.get(self._engine.dialect.name)
        if told is None:
            return
        try:
            with self._engine.connect() as connection:
                before = time.monotonic()
                now = connection.scalar(text(told))
                after = time.monotonic()
        except SQLAlchemyError:
            if self._told.ahead is None:
                raise
            return
        self._told.ahead = float(now or 0.0) - (before + after) / 2
        self._told.ask_at = after + _ASKED_EVERY_S
