"""Secrets that nobody configured."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicebot.errors import ConfigError
from voicebot.state.secret_file import kept_secret


def test_a_secret_is_made_once_and_kept_for_us_alone(tmp_path: Path) -> None:
    """The same after a restart; another folder has another."""
    path = tmp_path / "data" / "web-token"
    made = kept_secret(path)
    assert len(made) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_secret(path) == made
    assert kept_secret(tmp_path / "other") != made


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """It may be known already."""
    path = tmp_path / "web-token"
    kept_secret(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        kept_secret(path)


def test_an_empty_secret_and_a_place_that_cannot_be_used_are_explained(tmp_path: Path) -> None:
    """With the fix."""
    empty = tmp_path / "empty"
    empty.touch(0o600)
    with pytest.raises(ConfigError, match="Delete the file"):
        kept_secret(empty)
    with pytest.raises(ConfigError, match=r"Set state\.data_dir"):
        kept_secret(empty / "inside")
    folder = tmp_path / "folder"
    folder.mkdir(0o700)
    with pytest.raises(ConfigError, match="cannot be read"):
        kept_secret(folder)


@pytest.mark.parametrize("damage", [bytes(range(256)), bytes(44), b"one\ntwo\n", "zażółć".encode(), b"\x1b]0;x\x07"])
def test_a_damaged_secret_is_explained_and_not_shown(tmp_path: Path, damage: bytes) -> None:
    """A disk that lost power, an editor that was not meant to be there."""
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_bytes(damage)
    with pytest.raises(ConfigError, match="Delete it, and a new one is made") as told:
        kept_secret(path)
    assert str(told.value).isprintable()
