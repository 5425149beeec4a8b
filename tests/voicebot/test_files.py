"""Files are whole or not there, for the service's eyes only, and overwritten when they are deleted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from voicebot.files import close_to_others, erase, files_under, locked, private_folder, write_new, write_whole


@pytest.fixture(autouse=True)
def _open_by_default() -> Iterator[None]:
    """The modes must not come from the umask."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_files_and_folders_are_for_their_owner_only(tmp_path: Path) -> None:
    """Folders that had to be made on the way, too."""
    folder = private_folder(tmp_path / "a" / "b")
    write_whole(folder / "whole", "text")
    assert write_new(folder / "new", "text")
    assert [mode(path) for path in (tmp_path / "a", folder, folder / "whole", folder / "new")] == [0o700, 0o700, 0o600, 0o600]


def test_a_folder_in_whose_place_a_file_is_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Not a directory"):
        private_folder(tmp_path / "file")


# a real limit of the kernel: writing more than so many octets fails as on a full disk
FULL = """
import resource, signal, sys
from pathlib import Path
from voicebot import files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    getattr(files, sys.argv[1])(Path(sys.argv[2]), "x" * 5000)
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.parametrize("function", ["write_whole", "write_new"])
def test_on_a_full_disk_nothing_is_left_behind(tmp_path: Path, function: str) -> None:
    """Neither half a file nor a draft, and what was there is still there."""
    if function == "write_whole":
        (tmp_path / "file").write_text("before")
    there = {path.name: path.read_text() for path in tmp_path.iterdir()}
    ended = subprocess.run([sys.executable, "-c", FULL, function, tmp_path / "file"], capture_output=True, text=True)
    assert ended.stdout == "File too large\n", ended.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == there


def test_of_several_who_make_a_file_one_succeeds(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda text: write_new(tmp_path / "file", text), "abcdefgh"))
    assert sum(made) == 1
    assert (tmp_path / "file").read_text() == "abcdefgh"[made.index(True)]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_deleted_is_overwritten_first(tmp_path: Path) -> None:
    """Whoever still has the file open, or its blocks, reads zeros."""
    path = tmp_path / "file"
    path.write_bytes(b"secret" * 500_000)
    with path.open("rb") as still_open:
        assert erase(path)
        assert set(still_open.read()) == {0}
    assert not path.exists()
    assert not erase(path), "harmless when repeated"


def test_what_a_link_points_at_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("theirs")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    erase(tmp_path / "link")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert (tmp_path / "other").read_text() == "theirs"


def test_a_file_is_locked_for_one_at_a_time_and_not_at_all_once_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with locked(path) as ours, locked(path) as theirs:
        assert (ours, theirs) == (True, False)
        path.unlink()
    with locked(path) as ours:
        assert not ours


def test_what_others_can_read_is_closed_and_told(tmp_path: Path) -> None:
    """What is closed already is not mentioned, what is not there neither."""
    folder = tmp_path / "records"
    folder.mkdir(mode=0o755)
    for name, mode_before in (("open.db", 0o644), ("closed.db", 0o600)):
        (folder / name).touch(mode=mode_before)
    told = list(close_to_others([folder, folder / "open.db", folder / "closed.db", folder / "none"]))
    assert told == [
        f"{folder}: other users could read this; its mode is 700 now",
        f"{folder / 'open.db'}: other users could read this; its mode is 600 now",
    ]
    assert [mode(path) for path in (folder, *sorted(folder.iterdir()))] == [0o700, 0o600, 0o600]


def test_a_folder_that_is_everybodys_is_not_closed_but_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """records.folder: /srv must not lock everybody out of /srv; nor the folder that the service was started in."""
    shared, current = tmp_path / "tmp", tmp_path / "home"
    shared.mkdir()
    shared.chmod(0o1777)
    (current / "inside").mkdir(parents=True)
    monkeypatch.chdir(current / "inside")
    told = list(close_to_others([shared, current, Path("/usr")]))
    assert [line.split(": ")[1] for line in told] == [
        "other users may read what is kept there. Give the service a folder of its own."
    ] * 3
    assert mode(current) == 0o777


def test_folders_that_are_removed_or_renamed_meanwhile_are_left_out(tmp_path: Path) -> None:
    """Other threads and processes make, rename and remove folders while one is looking."""
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.draft").write_text("")
    (tmp_path / "other.json").write_text("")
    found = files_under(tmp_path, ".draft")
    first = next(found)
    gone = [folder for folder in tmp_path.iterdir() if folder.is_dir() and folder != first.parent]
    shutil.rmtree(gone[0])
    gone[1].rename(tmp_path / "renamed")
    assert list(found) == []
    assert len(list(files_under(tmp_path, ".draft"))) == 2
