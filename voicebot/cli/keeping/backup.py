"""`voicebot backup` and `voicebot restore`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config

if TYPE_CHECKING:
    from voicebot.backup.create import Progress as Told

_NAME = "voicebot-{:%Y%m%d-%H%M%S}.tar"
_NAMES = "voicebot-????????-??????.tar"


def backup(
    file: Annotated[Path, typer.Argument(help="the new archive; for a folder the name is made from the time")],
    without_recordings: Annotated[bool, typer.Option("--without-recordings", help="leave the audio of calls out")] = False,
    keep: Annotated[int | None, typer.Option(min=1, help="in a folder: delete all but so many of the latest backups")] = None,
    config: Config = None,
) -> None:
    """Write everything that is kept into one archive that only you may read. The service may run meanwhile."""
    from voicebot.backup.create import back_up
    from voicebot.config.loading import load_settings
    from voicebot.config.source import config_path
    from voicebot.files import keep_private

    keep_private()
    now = datetime.now(UTC)
    if keep is not None and not file.is_dir():
        print(f"--keep goes with a folder; {file} is none", file=sys.stderr)
        raise typer.Exit(2)
    target = file / _NAME.format(now) if file.is_dir() else file
    with told_plainly(), _ending_in_order(), _bar() as told:
        made = back_up(
            load_settings(config),
            target,
            config=config_path(config),
            now=now,
            recordings=not without_recordings,
            progress=told,
        )
    for name in made.changed:
        print(f"became shorter while it was read: {name}", file=sys.stderr)
    for left in made.left_out:
        print(f"not in it: {left}")
    print(f"{made.path}: {made.files} files, {made.octets / 1e6:.1f} MB")
    if keep is not None:
        for old in sorted(file.glob(_NAMES))[:-keep]:
            old.unlink(missing_ok=True)
            print(f"deleted: {old}")


def restore(
    file: Annotated[Path, typer.Argument(help="an archive that voicebot backup wrote")],
    check: Annotated[bool, typer.Option("--check", help="only compare the archive with its checksums")] = False,
    force: Annotated[bool, typer.Option("--force", help="also where there are data: they are moved aside")] = False,
    config: Config = None,
) -> None:
    """Put a backup in place, all of it or nothing. The service must not run."""
    from voicebot.backup import restoring
    from voicebot.config.loading import load_settings
    from voicebot.config.source import config_path
    from voicebot.files import keep_private

    keep_private()
    with told_plainly(), _ending_in_order(), _bar() as told:
        if check:
            done = restoring.check(file, progress=told)
        else:
            settings, now = load_settings(config), datetime.now(UTC)
            done = restoring.restore(file, settings, config=config_path(config), now=now, force=force, progress=told)
    for path in done.replaced:
        print(f"what was there before: {path} (delete it when you do not need it)")
    for note in done.notes:
        print(f"note: {note}")
    what = "as they were backed up" if check else "restored"
    print(f"{done.files} files {what}; backup of {done.manifest.made} by voicebot {done.manifest.voicebot}")


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """SIGTERM (systemctl stop) ends the command like Ctrl-C: nothing half written is left behind."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _bar() -> Iterator[Told]:
    from voicebot.cli.progress import shown_progress

    with shown_progress("backup") as tell:
        yield lambda doing, done, total: tell(doing, done / total if total else 0.0)
