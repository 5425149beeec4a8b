"""`voicebot customers`: import the bank's customers, see what is in force, go back."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import AsJson, Config
from voicebot.tables import show_table

if TYPE_CHECKING:
    from caller_id.customer_database import DirectoryStatus
    from caller_id.customer_import import ImportReport
    from caller_id.customer_rows import RowProblem
    from voicebot.config.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The customer directory.")


@app.command("import")
def import_customers(
    file: Annotated[Path, typer.Argument(help="CSV (comma, semicolon or tab; UTF-8, UTF-16 or Windows-1250) or XLSX")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would change, and change nothing")] = False,
    force: Annotated[bool, typer.Option("--force", help="import even if much would be lost or refused")] = False,
    show: Annotated[int, typer.Option(min=0, help="refused rows to name, at most (0: all)")] = 20,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Replace the directory by a file with the columns number, segment and, if you like, language, tenure_years, customer_ref.

    A running service takes the new customers at its next call. An import that was interrupted goes on where it stopped, if the
    file is the same. The old ones are kept: voicebot customers rollback. Exit 1 when
    some rows were refused, 2 when nothing was imported.
    """
    from caller_id.customer_import import import_customers as imported
    from voicebot.cli.progress import shown_progress
    from voicebot.config.loading import load_settings

    with told_plainly():
        settings = load_settings(config)
        if not dry_run:
            _not_in_vain(settings, file)
        with shown_progress("importing") as progress:
            report = imported(
                file,
                settings.customers_file,
                most_lost=settings.customers.most_lost,
                dry_run=dry_run,
                force=force,
                on_problem=_named(file, show),
                progress=progress,
            )
    if as_json:
        print(json.dumps({**_plain(asdict(report)), "database": str(settings.customers_file.absolute())}, ensure_ascii=False))
    else:
        _tell(report, settings, show)
    if report.objections and not force:
        for objection in report.objections:
            print(objection, file=sys.stderr)
        print("Nothing is imported. Look at the file; to import it all the same, add --force.", file=sys.stderr)
        raise typer.Exit(2)
    raise typer.Exit(1 if report.refused else 0)


@app.command()
def status(as_json: AsJson = False, config: Config = None) -> None:
    """Say which customers are in force, since when, and which ones are kept to go back to."""
    from caller_id.customer_database import status_of
    from caller_id.customer_import import previous
    from voicebot.config.loading import load_settings

    with told_plainly():
        path = load_settings(config).customers_file.absolute()
        kept = {"in force": (path, status_of(path)), "before": (previous(path), status_of(previous(path)))}
    if as_json:
        told = {name.replace(" ", "_"): {"file": where, **asdict(each)} if each else None for name, (where, each) in kept.items()}
        print(json.dumps(_plain(told), ensure_ascii=False))
        return
    found = {name: _facts(where, each) for name, (where, each) in kept.items() if each is not None}
    if "in force" not in found:
        print(f"{path}: there are no customers. Import them: voicebot customers import FILE")
    if found:
        names = list(next(iter(found.values())))
        show_table(Console(), ("", *found), [(name, *(facts[name] for facts in found.values())) for name in names], tabs=False)


@app.command()
def rollback(config: Config = None) -> None:
    """Put the customers before the last import back in force, at once; a second time, the later ones."""
    from caller_id.customer_import import roll_back
    from voicebot.config.loading import load_settings

    with told_plainly():
        settings = load_settings(config)
        now = roll_back(settings.customers_file)
    made = f" of {now.source}, imported {_time(now)}" if now.source else ""
    print(f"in force again: {now.numbers:,} numbers{made}")


@app.command()
def lookup(
    number: Annotated[str, typer.Argument(help="in any usual form: 600100200, '+48 600 100 200'")],
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Say what the directory knows of a number, and what is used of it; exit 1 when it is not there."""
    from caller_id.directory import agreed
    from voicebot.config.loading import load_settings
    from voicebot.identity.customers import lookup as found

    with told_plainly():
        customers = asyncio.run(found(load_settings(config), number))
    used = agreed(customers)
    if as_json:
        print(json.dumps(_plain({"customers": [asdict(each) for each in customers], "used": asdict(used)}), ensure_ascii=False))
    elif customers:
        names = ("segment", "language", "tenure_years", "customer_ref")
        rows = [(str(order), *(_said(getattr(each, name)) for name in names)) for order, each in enumerate(customers, 1)]
        rows.append(("used", *(_said(getattr(used, name)) for name in names)))
        show_table(Console(), ("customer", *names), rows, tabs=False)
    else:
        print("no customer has this number")
    raise typer.Exit(0 if customers else 1)


def _not_in_vain(settings: Settings, file: Path) -> None:
    """Raises ConfigError where the service would not use this import, or replace it by another file at its next start."""
    from voicebot.errors import ConfigError

    if settings.customers.crm is not None:
        raise ConfigError(
            "customers.crm is set: the service asks the CRM and no imported customers, so this import would be in vain. "
            "Take customers.crm out of the configuration."
        )
    named = settings.customers.csv
    if named is not None and named.absolute() != file.absolute():
        raise ConfigError(
            f"customers.csv is set to {named}: the service imports that file at its start, so this import would be lost. "
            "Take customers.csv out of the configuration, or import that file."
        )


def _named(file: Path, most: int) -> Callable[[RowProblem], None]:
    """Prints the first refused rows as they are found."""
    shown = 0

    def tell(problem: RowProblem) -> None:
        nonlocal shown
        shown += 1
        if not most or shown <= most:
            print(f"{file}: {problem}", file=sys.stderr)

    return tell


def _tell(report: ImportReport, settings: Settings, most: int) -> None:
    if most and report.refused > most:
        print(f"… and {report.refused - most:,} more rows; --show 0 names all", file=sys.stderr)
    for line, first in report.shared_lines[: most or None]:
        print(f"{report.source}: line {line}: the number stands on line {first} too.", file=sys.stderr)
    if report.resumed_after:
        print(f"gone on behind line {report.resumed_after:,}, where the last import was interrupted")
    for reason, times in report.reasons.items():
        print(f"{times:9,} rows refused: {reason}")
    for count, what in (
        (report.repeated, "rows left out: they repeat another one"),
        (report.crowded, "rows left out: their number stands for too many customers, as a placeholder does"),
        (report.now.shared, "numbers with several customers: only what those have in common is used"),
    ):
        if count:
            print(f"{count:9,} {what}")
    before = report.before
    rows = [("numbers", _count(before.numbers) if before else "-", _count(report.now.numbers))]
    rows += [(name, _count(before.segments[name]) if before else "-", _count(of)) for name, of in report.now.segments.items()]
    show_table(Console(), ("", "before", "after"), rows, tabs=False)
    changes = report.changes
    print(f"{changes.added:,} added, {changes.changed:,} changed, {changes.removed:,} removed, {report.refused:,} rows refused")
    print(f"{settings.customers_file.absolute()}: {'imported' if report.done else 'unchanged'}")


def _facts(path: Path, status: DirectoryStatus) -> dict[str, str]:
    return {
        "file": str(path),
        "imported (UTC)": _time(status),
        "from": status.source or "-",
        "numbers": _count(status.numbers),
        "shared numbers": _count(status.shared),
        **{name: _count(of) for name, of in status.segments.items()},
    }


def _time(status: DirectoryStatus) -> str:
    return f"{status.imported_at:%Y-%m-%d %H:%M}" if status.imported_at else "-"


def _count(number: int) -> str:
    return f"{number:,}"


def _said(value: object) -> str:
    return "-" if value is None else str(value)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """What JSON knows: paths and times as text."""
    plain: dict[str, Any] = json.loads(
        json.dumps(values, default=lambda each: each.isoformat() if hasattr(each, "isoformat") else str(each))
    )
    return plain
