"""`voicebot token`: tokens of the web API, each with what it opens."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config, records_engine

if TYPE_CHECKING:
    from voicebot.accounts.tokens import Tokens

app = typer.Typer(no_args_is_help=True, help="Tokens of the web API, each with what it opens.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="whose it is, like contact-centre")],
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope", help="handoffs, events, callbacks, chats, waits, switches, calls, messages, metrics; several times"
        ),
    ],
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="it ends by itself after so many")] = None,
    config: Config = None,
) -> None:
    """Make a token. It is printed this once; only its hash is kept."""
    from voicebot.accounts.tokens import COMMAND_LINE, Scope
    from voicebot.accounts.users import AccountError

    with told_plainly():
        unknown = [each for each in scope if each not in set(Scope)]
        if unknown:
            raise AccountError(f"{unknown[0]!r} is no scope; write {', '.join(Scope)}")
        until = datetime.now(UTC) + timedelta(days=days) if days is not None else None
        print(_tokens(config).add(name, {Scope(each) for each in scope}, made_by=COMMAND_LINE, until=until))


@app.command("list")
def list_(config: Config = None) -> None:
    """All tokens: name, scopes, when made, last used, and ended, who made it, and "orphaned" where they may make none any more.

    The tokens themselves are kept nowhere.
    """
    with told_plainly():
        tokens = _tokens(config).all()
        for token in tokens:
            times = (token.made_at, token.last_used, token.until)
            owner = (token.made_by, "orphaned" if token.orphaned else "")
            print(token.name, ",".join(sorted(token.scopes)), *(_shown(at) for at in times), *owner, sep="\t")
        if any(token.orphaned for token in tokens):
            print(
                "orphaned: no administrator answers for it. Revoke it, or take it over on the console's page Tokens.",
                file=sys.stderr,
            )


@app.command()
def revoke(name: str, config: Config = None) -> None:
    """Take a token back: running services refuse it within five seconds."""
    with told_plainly():
        _tokens(config).revoke(name)
        print(f"{name} opens nothing any more")


def _shown(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at is not None else "-"


def _tokens(config: Path | None) -> Tokens:
    from voicebot.accounts.tokens import Tokens
    from voicebot.config.loading import load_settings

    return Tokens(records_engine(load_settings(config)))
