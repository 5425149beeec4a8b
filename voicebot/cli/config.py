"""`voicebot config` and `voicebot customers`: check the configuration, fill the customer directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config

app = typer.Typer(no_args_is_help=True, help="The configuration.")
customers_app = typer.Typer(no_args_is_help=True, help="The customer directory.")


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


@customers_app.callback()
def _customers() -> None:
    """The customer directory."""


@customers_app.command("import")
def import_customers(csv: Path, config: Config = None) -> None:
    """Replace the directory by a CSV: number, segment, language, tenure_years, customer_ref. Bad rows are left out and named."""
    from caller_id.sqlite_directory import SqliteDirectory
    from voicebot.config.loading import load_settings
    from voicebot.files import keep_private

    keep_private()
    with told_plainly():
        settings = load_settings(config)
        directory = SqliteDirectory(settings.customers.sqlite or settings.state.data_dir / "customers.db")
        report = directory.import_csv(csv)
        size = len(directory)
        directory.close()
    for problem in report.problems:
        print(f"{csv}: {problem}")
    print(f"{size} customers in the directory, {len(report.problems)} rows not imported")
    raise typer.Exit(1 if report.problems else 0)
