"""`voicebot config` and `voicebot customers`: check the configuration, fill the customer directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicebot.cli.options import Config

app = typer.Typer(no_args_is_help=True, help="The configuration.")


@app.callback()
def _config() -> None:
    """The configuration."""


@app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="the same as --config")] = None,
    config: Config = None,
) -> None:
    """Explain every mistake by file and line; exit 1 when there is one that stops the service."""
    from voicebot.config.check import check_config

    problems = check_config(config or file)
    for problem in problems:
        print(problem)
    fatal = [problem for problem in problems if problem.fatal]
    print(f"{len(fatal)} mistakes, {len(problems) - len(fatal)} warnings")
    raise typer.Exit(1 if fatal else 0)
