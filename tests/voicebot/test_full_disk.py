"""The disk of the data is full for a whole call: the caller is put through all the same, and nothing is lost silently."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.voicebot.running import open_service
from voicebot.softphone import Keys, Pause, UntilEnded


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MB; skipped where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk, and not everywhere")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


def fill(disk: Path) -> Path:
    """A file that takes all that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return filler


async def test_the_caller_is_put_through_and_the_record_is_written_when_there_is_room(small_disk: Path) -> None:
    async with open_service(small_disk, recording={"enabled": True}) as running:
        filler = await asyncio.to_thread(fill, small_disk)
        report, lines = await running.call(Pause(1), Keys("9"), UntilEnded(40))
        assert report.answered
        assert report.transfer_target, "the caller reached a human"
        call_id = next(iter(running.journals))
        records = running.service.stores.records
        async with asyncio.timeout(15):
            while records.trouble is None:
                await asyncio.sleep(0.05)
        assert "disk" in records.trouble or "full" in records.trouble
        filler.unlink()
        async with asyncio.timeout(60):
            while records.trouble is not None or records.waiting:
                await asyncio.sleep(0.1)
        kept = await records.call(call_id)
    assert lines
    assert kept is not None
    assert kept.summary.outcome == "handed_over"
