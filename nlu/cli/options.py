"""Options and behaviour that all commands share: which pack, which language, errors told plainly, progress on the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from nlu.model.training import Progress
    from nlu.pack.pack import Pack
    from nlu.understanding.classifier import Classifier

PackFolder = Annotated[Path | None, typer.Option("--pack", help="Folder of the pack.", show_default="the default pack")]
Language = Annotated[str, typer.Option("--lang", help="Language of the line: pl or en.")]
Cache = Annotated[Path | None, typer.Option("--cache", help="Where trained models are kept.", show_default="the user's cache")]
Semantic = Annotated[
    bool | None,
    typer.Option("--semantic/--no-semantic", help="Demand sentence embeddings, or leave them out.", show_default="if installed"),
]
_FILE_WIDTH = 130
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def told_plainly() -> Iterator[None]:
    """Print errors a person can fix (`NluError`) to standard error and exit with 2. A reader that went away is no error."""
    from nlu.errors import NluError

    try:
        yield
    except NluError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from error
    except BrokenPipeError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter's last flush must not complain again
        raise typer.Exit(0) from error


def opened(folder: Path | None) -> Pack:
    """The pack that was asked for. Raises PackError."""
    from nlu.pack.pack import BANK_PACK, Pack

    return Pack(folder or BANK_PACK)


def loaded(pack: Pack, lang: str, cache: Path | None, semantic: bool | None, progress: Progress | None = None) -> Classifier:
    """The classifier as it serves: with all the pack's languages, since they teach each other. Raises NluError."""
    from nlu.understanding.loading import load

    pack.files(lang)  # a language without data is told plainly
    return load(pack, sorted({lang, *pack.languages}), cache=cache, semantic=semantic, progress=progress)


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """A bar on standard error while something long runs; nothing when that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share, doing: bar.update(task, completed=share, description=f"{what}: {doing}")


def terminal() -> Console:
    """Where tables are printed: as wide as the terminal, or wide enough for every column in a file or a pipe."""
    from rich.console import Console

    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=_FILE_WIDTH)
