"""Log-ins: a cookie of 256 random bits, of which only the hash is stored. 30 minutes unused or 8 hours in all end one."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, or_, select, update
from sqlalchemy.orm import Session

from voicebot.accounts.models import SessionRow, UserRow
from voicebot.accounts.users import User, user_of
from voicebot.records.database_time import DatabaseTime

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=8)
_TOKEN_OCTETS = 22
_NOTED_EVERY = timedelta(seconds=30)  # a write for each page would be one for each picture, too


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A person at a browser."""

    user: User
    form_token: str
    """What a form must bring: another site cannot know it. It ends with the person's id: see `typed_by`."""
    session: str
    """The hash of the cookie: names the session, opens nothing."""


class Sessions:
    """Blocks: for a thread. Methods raise what SQLAlchemy raises."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock
        self._time = DatabaseTime(engine)

    def begin(self, user: User, how: str) -> str:
        """Log this person in; the value of the cookie. Old sessions of everybody are swept out by the way."""
        cookie, now = secrets.token_urlsafe(32), self._time.at(self._clock())
        old = or_(SessionRow.seen < now - IDLE, SessionRow.began < now - LONGEST)
        row = SessionRow(
            hash=_hash(cookie),
            user_id=user.user_id,
            form_token=f"{secrets.token_urlsafe(_TOKEN_OCTETS)}.{user.user_id}",
            began=now,
            seen=now,
            how=how,
        )
        with Session(self._engine) as session, session.begin():
            session.execute(delete(SessionRow).where(old))
            session.add(row)
        return cookie

    def of(self, cookie: str) -> LoggedIn | None:
        """Whose cookie this is; None when the session is over, or was none."""
        now = self._time.at(self._clock())
        with Session(self._engine) as session, session.begin():
            found = session.execute(
                select(SessionRow, UserRow)
                .join(UserRow, UserRow.user_id == SessionRow.user_id)
                .where(SessionRow.hash == _hash(cookie))
            ).first()
            if found is None:
                return None
            row, user = found
            if now > row.seen + IDLE or now > row.began + LONGEST or not user.active:
                return None
            if now > row.seen + _NOTED_EVERY:
                session.execute(update(SessionRow).where(SessionRow.hash == row.hash).values(seen=now))
            return LoggedIn(user_of(user), row.form_token, row.hash)

    def end(self, login: LoggedIn, *, everywhere: bool = False) -> None:
        """Log out; `everywhere`: at all browsers of this person."""
        whose = SessionRow.user_id == login.user.user_id if everywhere else SessionRow.hash == login.session
        with Session(self._engine) as session, session.begin():
            session.execute(delete(SessionRow).where(whose))


def typed_by(form_token: str) -> str:
    """The id of the person to whom a page with this token was shown, also when their session is over; "" for anything else."""
    return form_token.rpartition(".")[2] if "." in form_token else ""


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
