"""`voicebot config`: check the configuration, and show what is in force."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicebot.cli.options import AsJson, Config

if TYPE_CHECKING:
    from voicebot.config.source import SettingProblem

app = typer.Typer(no_args_is_help=True, help="The configuration.")
File = Annotated[Path | None, typer.Argument(help="instead of --config")]


@app.command()
def check(file: File = None, as_json: AsJson = False, config: Config = None) -> None:
    """Explain every mistake by file and line; exit 1 when there is one that stops the service."""
    from voicebot.config.check import check_config

    problems = check_config(_one(file, config))
    fatal = _fatal(problems)
    if as_json:
        print(json.dumps([asdict(problem) for problem in problems], ensure_ascii=False, indent=2))
    else:
        for problem in problems:
            print(problem)
        print(f"{len(fatal)} mistakes, {len(problems) - len(fatal)} warnings")
    raise typer.Exit(1 if fatal else 0)


@app.command()
def show(file: File = None, as_json: AsJson = False, config: Config = None) -> None:
    """Print every setting in force as YAML, with the place it comes from: default, file and line, or environment variable.

    Secrets and passwords are masked. Mistakes go to standard error; exit 1 when there is one that stops the service.
    """
    from voicebot.config.check import settings_in_force
    from voicebot.config.showing import as_json as in_json
    from voicebot.config.showing import as_yaml
    from voicebot.config.source import config_path

    path = config_path(_one(file, config))
    shown, problems = settings_in_force(path)
    if shown and as_json:
        print(in_json(shown))
    elif shown:
        print(f"# {path.name} is {path.absolute()}" if path else "# no file: --config or VOICEBOT_CONFIG names one")
        print("\n".join(as_yaml(shown)))
    for problem in problems:
        print(problem, file=sys.stderr)
    raise typer.Exit(1 if _fatal(problems) else 0)


def _one(file: Path | None, config: Path | None) -> Path | None:
    """The configuration that is named, once."""
    if file is not None and config is not None and file != config:
        print(f"two configurations are named: {file} and {config}. Name one.", file=sys.stderr)
        raise typer.Exit(2)
    return config or file


def _fatal(problems: list[SettingProblem]) -> list[SettingProblem]:
    return [problem for problem in problems if problem.fatal]
