"""Users in SQL."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from voicebot.accounts.models import SessionRow, UserRow
from voicebot.accounts.passwords import LONGEST, SHORTEST, hashed
from voicebot.accounts.roles import Role
from voicebot.errors import Refused
from voicebot.records.database_time import DatabaseTime

MOST_FAILURES = 5
_LOCKED = timedelta(minutes=5)
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,79}")


class AccountError(Refused):
    """Something about an account that a person can correct."""

    code = "account"


@dataclass(frozen=True, slots=True)
class User:
    """A person who may log in."""

    user_id: str
    name: str
    """What they log in with."""
    shown: str
    """What others see."""
    roles: frozenset[Role]
    queues: tuple[str, ...] = ()
    """Of an agent: the queues they answer; empty: all."""
    active: bool = True
    subject: str | None = None
    """`iss sub` of the bank's log-in; None: they log in here."""


class Users:
    """Blocks: for a thread. Methods raise AccountError, and what SQLAlchemy raises."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock
        self._time = DatabaseTime(engine)

    def add(
        self,
        name: str,
        roles: Collection[Role],
        *,
        made_by: str,
        shown: str = "",
        password: str | None = None,
        queues: Sequence[str] = (),
        subject: str | None = None,
    ) -> User:
        """Add a person. Without a password they log in by the bank's log-in (`subject`) or a passkey."""
        name = _checked_name(name)
        row = UserRow(
            user_id=secrets.token_hex(16),
            name=name,
            shown=(shown or name)[:120],
            roles=_checked_roles(roles),
            queues=list(queues),
            password=_hash(password) if password is not None else None,
            subject=subject,
            active=True,
            made_at=self._clock(),
            made_by=made_by,
            failures=0,
            locked_until=None,
        )
        try:
            with Session(self._engine) as session, session.begin():
                session.add(row)
                session.flush()
                return user_of(row)
        except IntegrityError:
            raise AccountError(
                f"there is a user {name} already; give another name, or change that one", "user_exists", name=name
            ) from None

    def all(self) -> list[User]:
        """Everybody, by name."""
        with Session(self._engine) as session:
            return [user_of(row) for row in session.scalars(select(UserRow).order_by(UserRow.name))]

    def of_name(self, name: str) -> User | None:
        """Who logs in with this name."""
        with Session(self._engine) as session:
            row = session.scalar(select(UserRow).where(UserRow.name == name.strip().lower()))
            return user_of(row) if row is not None else None

    def of_subject(self, subject: str) -> User | None:
        """Whom the bank's log-in knows by this name."""
        with Session(self._engine) as session:
            row = session.scalar(select(UserRow).where(UserRow.subject == subject))
            return user_of(row) if row is not None else None

    def change(
        self,
        user_id: str,
        *,
        roles: Collection[Role] | None = None,
        queues: Sequence[str] | None = None,
        shown: str | None = None,
        active: bool | None = None,
        password: str | None = None,
    ) -> User:
        """Change what is given, and end the person's sessions: they log in anew with what they may do now."""
        with Session(self._engine) as session, session.begin():
            row = session.get(UserRow, user_id)
            if row is None:
                raise AccountError("there is no such user", "no_user")
            if roles is not None:
                row.roles = _checked_roles(roles)
            if queues is not None:
                row.queues = list(queues)
            if shown is not None:
                row.shown = shown[:120] or row.name
            if active is not None:
                row.active = active
            if password is not None:
                row.password, row.failures, row.locked_until = _hash(password), 0, None
            session.execute(delete(SessionRow).where(SessionRow.user_id == user_id))
            return user_of(row)

    # ------------------------------------------------------------------ logging in

    def password_of(self, name: str) -> tuple[User | None, str | None]:
        """Who has this name, and the hash of their password: None for both while the account is locked, closed or unknown."""
        now = self._time.at(self._clock())
        with Session(self._engine) as session:
            row = session.scalar(select(UserRow).where(UserRow.name == name.strip().lower()))
            if row is None or not row.active or (row.locked_until is not None and now < row.locked_until):
                return None, None
            return user_of(row), row.password

    def tried(self, user_id: str, *, right: bool) -> bool:
        """A password was tried. After five wrong ones in a row no one fits for five minutes; True when that begins now."""
        now = self._time.at(self._clock())
        with Session(self._engine) as session, session.begin():
            if right:
                session.execute(update(UserRow).where(UserRow.user_id == user_id).values(failures=0, locked_until=None))
                return False
            session.execute(update(UserRow).where(UserRow.user_id == user_id).values(failures=UserRow.failures + 1))
            row = session.get(UserRow, user_id)
            if row is None or row.failures < MOST_FAILURES:
                return False
            row.failures, row.locked_until = 0, now + _LOCKED
            return True


def _hash(password: str) -> str:
    try:
        return hashed(password)
    except ValueError as error:
        raise AccountError(str(error), "password", least=SHORTEST, most=LONGEST) from None


def _checked_name(name: str) -> str:
    folded = name.strip().lower()
    if not _NAME.fullmatch(folded):
        raise AccountError(
            f"{name!r} is no name to log in with; write 2 to 80 of a-z, 0-9 and . _ @ -, like anna.nowak", "user_name", name=name
        )
    return folded


def _checked_roles(roles: Collection[Role]) -> list[str]:
    if not roles:
        raise AccountError(f"a user needs a role at least: {', '.join(Role)}", "no_role")
    return sorted(roles)


def user_of(row: UserRow) -> User:
    """The person of a row."""
    roles = frozenset(role for role in Role if role in row.roles)
    return User(row.user_id, row.name, row.shown, roles, tuple(row.queues), row.active, row.subject)
