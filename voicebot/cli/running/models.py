"""`voicebot models`: recogniser and voice models: their source, their place, and whether their files are complete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import AsJson, Config
from voicebot.tables import show_table

if TYPE_CHECKING:
    from audio.models import ModelShelf

_HEAD = ("model", "engine", "languages", "MB", "licence", "installed", "sha256", "needs", "source", "place")

app = typer.Typer(no_args_is_help=True, help="Recogniser and voice models.")


def _shelf(config: Path | None) -> ModelShelf:
    from audio.models import ModelShelf
    from voicebot.config.loading import load_settings

    folder = load_settings(config).state.data_dir / "models"
    return ModelShelf(folder, folder)


@app.command("list")
def list_models(as_json: AsJson = False, config: Config = None) -> None:
    """List every known model: engine, languages, source, licence, checksum, and where it is installed."""
    with told_plainly():
        states = _shelf(config).states()
    rows = [
        (
            spec.name,
            spec.engine + (f" {spec.kind}" if spec.kind else ""),
            " ".join(spec.languages),
            str(spec.megabytes or "?"),
            spec.licence,
            state.detail,
            state.sha256 or "-",
            spec.needs,
            spec.source,
            str(state.path or "-"),
        )
        for state in states
        for spec in (state.spec,)
    ]
    if as_json:
        print(json.dumps([dict(zip(_HEAD, row, strict=True)) for row in rows], ensure_ascii=False, indent=2))
    else:
        show_table(Console(), _HEAD, rows)


@app.command()
def fetch(
    name: str,
    url: Annotated[str | None, typer.Option(help="download from this address instead")] = None,
    sha256: Annotated[str | None, typer.Option(help="the checksum that the download must have")] = None,
    config: Config = None,
) -> None:
    """Download a model. Its checksum is printed and kept; with --sha256 a download with another one is refused."""
    with told_plainly(), Progress(transient=True) as bar:
        task = bar.add_task(name, total=None)
        fetched = _shelf(config).fetch(
            name, url=url, sha256=sha256, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    print(f"{fetched.path}\nsha256 {fetched.sha256}")


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="one model; without it all that are installed")] = None, config: Config = None
) -> None:
    """Compare every file with its checksum; exit 1 when one differs."""
    with told_plainly():
        shelf = _shelf(config)
        names = [name] if name else [state.spec.name for state in shelf.states() if state.path is not None]
        states = [shelf.verify(each) for each in names]
    for state in states:
        print(f"{state.spec.name}: {state.detail} {state.sha256}")
    raise typer.Exit(0 if all(state.ok is not False for state in states) else 1)
