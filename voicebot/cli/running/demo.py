"""`voicebot demo`: real calls against the service on this machine, shown live."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly

WIDTH = 170


def demo(folder: Annotated[Path, typer.Option(help="where recordings and records of the calls go")] = Path("var/demo")) -> None:
    """Start the service on loopback, let the softphone place real SIP calls to it, and check where each call arrives."""
    from voicebot.demo.run import run_demo

    with told_plainly():
        raise typer.Exit(asyncio.run(run_demo(_console(), folder)))


def _console() -> Console:
    """In a file or a pipe as wide as the lines are."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)
