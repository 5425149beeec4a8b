"""Files that a person asked for are written whole or not at all."""

from __future__ import annotations

import os
import resource
import threading
from pathlib import Path

import pytest
import typer

from voicebot.cli.errors import may_write, write_file

_ROOM = 1 << 20


def test_what_was_there_stays_where_the_new_one_does_not_fit(tmp_path: Path) -> None:
    """As on a full disk."""
    target = tmp_path / "report.html"
    write_file(target, b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM, limits[1]))
    try:
        with pytest.raises(typer.Exit) as ended:
            write_file(target, bytes(2 * _ROOM))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ended.value.exit_code == 2
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    """Like /dev/stdout: putting a file in its place would break it."""
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reading = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reading.start()
    write_file(pipe, b"words")
    reading.join(10)
    assert read == [b"words"]


def test_its_folder_is_made(tmp_path: Path) -> None:
    write_file(tmp_path / "new" / "report.html", b"words")
    assert (tmp_path / "new" / "report.html").read_bytes() == b"words"


def test_where_nothing_can_be_written_is_told_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    may_write(tmp_path / "new" / "report.html")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("")
    for target in (tmp_path, tmp_path / "file" / "report.html"):
        with pytest.raises(typer.Exit):
            may_write(target)
        assert f"{target} cannot be written" in capsys.readouterr().err
