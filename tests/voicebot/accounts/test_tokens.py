"""Tokens of the API: kept as hashes, known until they end or are revoked, whatever the database does meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from tests.voicebot.records.servers import database_url, engine, postgres
from voicebot.accounts.models import TokenRow
from voicebot.accounts.roles import Role
from voicebot.accounts.tokens import Scope, Token, TokenCheck, Tokens
from voicebot.accounts.users import AccountError, Users
from voicebot.records.engine import open_engine

__all__ = ["database_url", "engine", "postgres"]

T = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


class Hands:
    """Clocks that stand still until they are moved."""

    now = T
    s = 0.0

    def on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.s += seconds


async def test_a_token_opens_its_scopes_until_it_ends_or_is_revoked(engine: Engine) -> None:
    hands = Hands()
    tokens = Tokens(engine, clock=lambda: hands.now)
    check = TokenCheck(tokens, clock=lambda: hands.now, monotonic=lambda: hands.s)
    short = tokens.add("short", [Scope.EVENTS], made_by="test", until=T + timedelta(seconds=60))
    long = tokens.add("long", [Scope.EVENTS, Scope.WAITS], made_by="test")
    assert await check.scopes(short) == frozenset({"events"})
    assert await check.scopes(long) == frozenset({"events", "waits"})
    assert await check.scopes(long + "x") is None
    assert await check.scopes("") is None
    with Session(engine) as session:
        assert not {short, long} & {row.hash for row in session.scalars(select(TokenRow))}, "only hashes are kept"
    hands.on(60)
    assert await check.scopes(short) is None
    assert {each.name: each.last_used for each in tokens.all()}["long"] == T
    tokens.revoke("long")
    hands.on(5)
    assert await check.scopes(long) is None
    tokens.revoke("short")


async def test_a_token_whose_maker_may_make_none_any_more_opens_on_and_is_known(engine: Engine) -> None:
    """A system of the bank lives by it; whoever looks, and the log, tells that nobody answers for it."""
    users, tokens = Users(engine), Tokens(engine)
    anna, jan = (users.add(name, {Role.ADMIN}, made_by="test") for name in ("anna", "jan"))
    secrets = {who: tokens.add(f"of-{who[0]}", [Scope.EVENTS], made_by=who) for who in ("anna", "jan", "command line", "nobody")}
    Tokens(engine, clock=lambda: T).add("over", [Scope.EVENTS], made_by="nobody", until=T + timedelta(seconds=1))
    assert [token.name for token in tokens.orphaned()] == ["of-n"]
    users.change(anna.user_id, active=False)
    users.change(jan.user_id, roles={Role.TUNER})
    assert [token.name for token in tokens.orphaned()] == ["of-a", "of-j", "of-n"]
    check = TokenCheck(tokens)
    with capture_logs() as logs:
        for secret in [*secrets.values()] * 2:
            assert await check.scopes(secret) == frozenset({"events"})
    assert [(line["code"], line["name"]) for line in logs] == [("tokens.orphaned", f"of-{who}") for who in "ajn"]
    users.change(anna.user_id, active=True)
    tokens.take_over("of-j", "anna")
    assert [(token.name, token.made_by) for token in tokens.orphaned()] == [("of-n", "nobody")]
    with pytest.raises(AccountError, match="no token"):
        tokens.take_over("of-x", "anna")


@pytest.mark.parametrize(
    ("name", "scopes", "said"),
    [
        ("Contact Centre", [Scope.EVENTS], "like contact-centre"),
        ("a-1", [], "a scope at least"),
        ("there", [Scope.WAITS], "already"),
    ],
)
def test_what_is_no_token(tmp_path: Path, name: str, scopes: list[Scope], said: str) -> None:
    tokens = Tokens(open_engine(f"sqlite:///{tmp_path / 'calls.db'}"))
    tokens.add("there", [Scope.EVENTS], made_by="test")
    with pytest.raises(AccountError, match=said):
        tokens.add(name, scopes, made_by="test")


class Counted(Tokens):
    """Counts how often the table is read, and is away when told."""

    reads = 0
    away = False

    def by_hash(self) -> dict[str, Token]:
        self.reads += 1
        if self.away:
            raise OperationalError("SELECT", {}, OSError("server closed the connection"))
        return super().by_hash()


async def test_wrong_tokens_cost_no_reading_and_a_database_that_is_away_locks_nobody_out(tmp_path: Path) -> None:
    hands = Hands()
    tokens = Counted(open_engine(f"sqlite:///{tmp_path / 'calls.db'}"))
    check = TokenCheck(tokens, monotonic=lambda: hands.s)
    secret = tokens.add("desk", [Scope.CHATS], made_by="test")
    for number in range(100):
        assert await check.scopes(f"vbt_{number}") is None
    assert tokens.reads == 1
    tokens.away = True
    hands.on(5)
    assert await check.scopes(secret) == frozenset({"chats"})
    assert tokens.reads == 2
