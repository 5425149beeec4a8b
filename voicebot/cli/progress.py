"""Progress of what takes long, on standard error: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_EVERY_S = 10.0


@contextmanager
def shown_progress(what: str, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[str, float], None]]:
    """A function to call with what is being done and its share, 0 to 1."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(what, console, clock)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda doing, share: bar.update(task, completed=share, description=f"{what}: {doing}")


def _lines(what: str, console: Console, clock: Callable[[], float]) -> Callable[[str, float], None]:
    """For logs of a nightly job: nothing for what is quick."""
    told = began = clock()

    def tell(doing: str, share: float) -> None:
        nonlocal told
        if clock() - told >= _EVERY_S:
            told = clock()
            left = f", {timedelta(seconds=round((told - began) * (1 - share) / share))} left" if share > 0 else ""
            print(f"{what}: {doing}, {share:.0%}{left}", file=console.file, flush=True)

    return tell
