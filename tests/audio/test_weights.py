"""The embedded model is put together once, and never used when a byte of it is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from audio.checksums import sha256_of
from audio.errors import ModelError
from audio.recognisers.weights import WHISPER_BASE, SplitModel, joined

PARTS = (b"first half, ", b"second half")


@pytest.fixture
def small_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SplitModel:
    """A model of two packages like the real one, but of 23 bytes."""
    site = tmp_path / "site"
    for index, part in enumerate(PARTS, 1):
        data = site / f"small_model_part{index}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        (data / f"part{index}").write_bytes(part)
    (site / "small_model_part1" / "data" / "config.json").write_text("{}")
    monkeypatch.syspath_prepend(site)
    return SplitModel(
        "small",
        (("small_model_part1", "data/part1"), ("small_model_part2", "data/part2")),
        ("config.json",),
        23,
        hashlib.sha256(b"".join(PARTS)).hexdigest(),
    )


def test_the_real_parts_are_openais_weights(whisper_folder: Path) -> None:
    assert sha256_of(whisper_folder / "model.bin") == WHISPER_BASE.sha256
    assert (whisper_folder / "model.bin").stat().st_size == WHISPER_BASE.size


def test_parts_are_joined_with_the_files_beside_them(small_model: SplitModel, tmp_path: Path) -> None:
    folder = joined(small_model, tmp_path / "cache")
    assert (folder / "model.bin").read_bytes() == b"first half, second half"
    assert (folder / "config.json").read_text() == "{}"


def test_a_second_call_writes_nothing(small_model: SplitModel, tmp_path: Path) -> None:
    folder = joined(small_model, tmp_path / "cache")
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert joined(small_model, tmp_path / "cache") == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def corrupt(weights: Path) -> None:
    weights.write_bytes(b"first half, second HALF")


def truncate(weights: Path) -> None:
    weights.write_bytes(b"first")


def remove(weights: Path) -> None:
    weights.unlink()


def remove_config(weights: Path) -> None:
    weights.with_name("config.json").unlink()


def remove_note(weights: Path) -> None:
    weights.with_suffix(".verified").unlink()


@pytest.mark.parametrize("harm", [corrupt, truncate, remove, remove_config, remove_note])
def test_whatever_happens_to_the_joined_file_is_mended(
    small_model: SplitModel, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    folder = joined(small_model, tmp_path / "cache")
    harm(folder / "model.bin")
    joined(small_model, tmp_path / "cache")
    assert (folder / "model.bin").read_bytes() == b"first half, second half"
    assert (folder / "config.json").is_file()


def test_a_corrupt_part_is_refused_with_the_mend_and_nothing_is_left(small_model: SplitModel, tmp_path: Path) -> None:
    (tmp_path / "site" / "small_model_part2" / "data" / "part2").write_bytes(b"second hack")
    with pytest.raises(ModelError, match=r"sha256 .* not .*pip install --force-reinstall"):
        joined(small_model, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("model.bin*"))


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    absent = SplitModel("gone", (("no_such_package_anywhere", "data/part1"),), (), 1, "00" * 32)
    with pytest.raises(ModelError, match=r"no_such_package_anywhere is missing: reinstall"):
        joined(absent, tmp_path)


def test_a_cache_that_cannot_be_written_is_named(small_model: SplitModel, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ModelError, match="give a cache folder with 150 MB free"):
        joined(small_model, tmp_path / "cache")
