"""`voicebot console`: the pages for operations, beside a running `voicebot serve`; and the people who may open them."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config, records_engine

if TYPE_CHECKING:
    from voicebot.accounts.users import Users

app = typer.Typer(no_args_is_help=True, help="The pages for operations.")
user_app = typer.Typer(no_args_is_help=True, help="Who may log in.")
app.add_typer(user_app, name="user")


@app.command()
def serve(config: Config = None) -> None:
    """Serve the pages until stopped. `voicebot serve` starts a console of its own; this one is for another machine."""
    with told_plainly():
        asyncio.run(_serve(config))


async def _serve(config: Path | None) -> None:
    from voicebot.config.loading import load_settings
    from voicebot.console.service import open_console
    from voicebot.errors import ConfigError
    from voicebot.logs import configure_logs
    from voicebot.memory import keep_for_good
    from voicebot.process import raise_file_limit

    settings = load_settings(config)
    if settings.state.redis_url is None:
        raise ConfigError(
            "voicebot console serve needs the state server that the calls use: set state.redis_url. "
            "(voicebot serve starts a console of its own, which needs nothing.)"
        )
    configure_logs(level=settings.log.level, format=settings.log.format)
    raise_file_limit()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with open_console(settings) as service:
        keep_for_good()
        Console(stderr=True).print("console listening on {}:{}; stop with Ctrl-C".format(*service.address))
        await stop.wait()


@user_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="what they log in with, like anna.nowak")],
    role: Annotated[list[str], typer.Option("--role", help="viewer, agent, tuner, supervisor, compliance, admin; several times")],
    shown: Annotated[str, typer.Option(help="what others see")] = "",
    config: Config = None,
) -> None:
    """Add a person. The password is asked for, or read from standard input."""
    from voicebot.accounts.roles import Role
    from voicebot.accounts.users import AccountError

    with told_plainly():
        unknown = [each for each in role if each not in set(Role)]
        if unknown:
            raise AccountError(f"{unknown[0]!r} is no role; write {', '.join(Role)}")
        user = _users(config).add(
            name, {Role(each) for each in role}, made_by="command line", shown=shown, password=_asked_password()
        )
        print(f"{user.name} may log in as {', '.join(sorted(user.roles))}")


@user_app.command("password")
def password(name: str, config: Config = None) -> None:
    """Give a person a new password, and end their sessions."""
    from voicebot.accounts.users import AccountError

    with told_plainly():
        users = _users(config)
        user = users.of_name(name)
        if user is None:
            raise AccountError(f"there is no user {name}; `voicebot console user list` names them")
        users.change(user.user_id, password=_asked_password())
        print(f"{user.name} has a new password")


@user_app.command("list")
def list_(config: Config = None) -> None:
    """Everybody, with what they may do."""
    with told_plainly():
        for user in _users(config).all():
            print(f"{user.name}\t{', '.join(sorted(user.roles))}\t{'' if user.active else 'closed'}")


def _users(config: Path | None) -> Users:
    from voicebot.accounts.users import Users
    from voicebot.config.loading import load_settings

    return Users(records_engine(load_settings(config)))


def _asked_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password (12 characters at least)", hide_input=True, confirmation_prompt=True))
