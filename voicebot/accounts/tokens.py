"""Tokens of the API with scopes: what a system of the bank may ask for. Only their hash is stored."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import structlog
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from voicebot.accounts.models import TokenRow, UserRow
from voicebot.accounts.roles import Role
from voicebot.accounts.users import AccountError
from voicebot.errors import RecordsError
from voicebot.records import schema

PREFIX = "vbt_"
"""So that scanners for leaked secrets can know one."""
COMMAND_LINE = "command line"
"""Who makes tokens there: whoever may run commands on the machine. No person has this name, for it has a space."""
_OCTETS = 32  # 256 random bits: a fast hash is enough
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,79}")
_READ_EVERY_S = 5.0

log = structlog.get_logger(__name__)


class Scope(StrEnum):
    """What a token opens."""

    HANDOFFS = "handoffs"
    """The story of a call, for the agent's screen; the agent's verdict."""
    EVENTS = "events"
    """To tell what became of hand-offs in the queues."""
    CALLBACKS = "callbacks"
    """For the dialler."""
    CHATS = "chats"
    """For the agents' desk."""
    WAITS = "waits"
    """To tell how long callers wait."""
    SWITCHES = "switches"
    """Surge, closures, announcements."""
    CALLS = "calls"
    """Records, calls under way, the survey."""
    MESSAGES = "messages"
    """To have letters and e-mails steered."""
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class Token:
    """A token, without its secret."""

    name: str
    scopes: frozenset[Scope]
    made_by: str
    made_at: datetime
    last_used: datetime | None
    until: datetime | None
    """It opens nothing from then on."""
    orphaned: bool = False
    """It opens something, and who made it may make none any more: the account is closed, or no administrator's."""


class Tokens:
    """Blocks: for a thread. Methods raise AccountError, and what SQLAlchemy raises."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def add(self, name: str, scopes: Collection[Scope], *, made_by: str, until: datetime | None = None) -> str:
        """A new token: the secret, which is shown this once."""
        if not _NAME.fullmatch(name):
            raise AccountError(
                f"{name!r} is no name for a token; write 2 to 80 of a-z, 0-9 and . _ -, like contact-centre",
                "token_name",
                name=name,
            )
        if not scopes:
            raise AccountError(f"a token needs a scope at least: {', '.join(Scope)}", "no_scope")
        if until is not None and until <= self._clock():
            raise AccountError("the token would be over at once: write a time to come", "token_over")
        schema.ready(self._engine)
        secret = PREFIX + secrets.token_urlsafe(_OCTETS)
        row = TokenRow(
            name=name,
            hash=_hash(secret),
            scopes=sorted(scopes),
            made_by=made_by,
            made_at=self._clock(),
            last_used=None,
            until=until,
        )
        try:
            with Session(self._engine) as session, session.begin():
                session.add(row)
        except IntegrityError:
            raise AccountError(
                f"there is a token {name} already; give another name, or revoke that one", "token_exists", name=name
            ) from None
        return secret

    def all(self) -> list[Token]:
        """All that were not revoked, by name."""
        return sorted(self.by_hash().values(), key=lambda token: token.name)

    def orphaned(self) -> list[Token]:
        """Those that no administrator answers for any more, by name."""
        return [token for token in self.all() if token.orphaned]

    def by_hash(self) -> dict[str, Token]:
        """All, by the hash of their secret."""
        schema.ready(self._engine)
        made = select(TokenRow, UserRow).outerjoin(UserRow, UserRow.name == TokenRow.made_by)
        now = self._clock()
        with Session(self._engine) as session:
            return {row.hash: _token(row, maker, now) for row, maker in session.execute(made)}

    def revoke(self, name: str) -> None:
        """It opens nothing any more, within some seconds."""
        schema.ready(self._engine)
        with self._engine.begin() as connection:
            if connection.execute(delete(TokenRow).where(TokenRow.name == name)).rowcount == 0:
                raise AccountError(f"there is no token {name}; `voicebot token list` names them", "no_token", name=name)

    def take_over(self, name: str, who: str) -> None:
        """A person answers for it from now on, as if they had made it."""
        schema.ready(self._engine)
        with self._engine.begin() as connection:
            if connection.execute(update(TokenRow).where(TokenRow.name == name).values(made_by=who)).rowcount == 0:
                raise AccountError(f"there is no token {name}", "no_token", name=name)

    def used(self, when: Mapping[str, datetime]) -> None:
        """Note when tokens of these names were last used."""
        with self._engine.begin() as connection:
            for name, at in when.items():
                connection.execute(update(TokenRow).where(TokenRow.name == name).values(last_used=at))


class TokenCheck:
    """Knows tokens by their secret. The table is read every five seconds at most, however many wrong tokens come; while the
    database is away, what was read last holds.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is what tokens end by; `monotonic`, in seconds, says when to read again."""
        self._tokens = tokens
        self._clock = clock
        self._monotonic = monotonic
        self._known: Mapping[str, Token] = {}
        self._read_at: float | None = None
        self._used: dict[str, datetime] = {}
        self._complained: set[str] = set()
        self._reading = asyncio.Lock()

    async def scopes(self, secret: str) -> frozenset[str] | None:
        """What this token opens; None for one that is none of ours, or over. Never raises."""
        if not secret.startswith(PREFIX):
            return None
        async with self._reading:
            if self._read_at is None or self._monotonic() - self._read_at >= _READ_EVERY_S:
                self._read_at = self._monotonic()
                await self._read()
        token, now = self._known.get(_hash(secret)), self._clock()
        if token is None or (token.until is not None and token.until <= now):
            return None
        self._used[token.name] = now
        if token.orphaned and token.name not in self._complained:
            self._complained.add(token.name)
            log.warning("a token is used that no administrator answers for", code="tokens.orphaned", name=token.name)
        return frozenset(token.scopes)

    async def _read(self) -> None:
        used, self._used = self._used, {}
        try:
            if used:
                await asyncio.to_thread(self._tokens.used, used)
            self._known = await asyncio.to_thread(self._tokens.by_hash)
        except (SQLAlchemyError, RecordsError) as error:
            self._used = used | self._used
            log.warning("the tokens of the API cannot be read", code="tokens.away", why=type(error).__name__)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(row: TokenRow, maker: UserRow | None, now: datetime) -> Token:
    scopes = frozenset(scope for scope in Scope if scope in row.scopes)
    over = row.until is not None and row.until <= now
    may = row.made_by == COMMAND_LINE or (maker is not None and maker.active and Role.ADMIN in maker.roles)
    return Token(row.name, scopes, row.made_by, row.made_at, row.last_used, row.until, orphaned=not may and not over)
