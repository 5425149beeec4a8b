"""From the studio into the bundle: what is taken, and what is said of every file that is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from dialogs import BundleError, load_bundle
from dialogs.authoring.prompt_recordings import ImportReport, import_recordings
from dialogs.data.bundle import DEFAULT_BUNDLE
from dialogs.events import Prompt
from tests.dialogs.calls import WEDNESDAY_NOON

RATE = 16000
Samples = npt.NDArray[np.float64]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))


@pytest.fixture
def studio(tmp_path: Path) -> Path:
    folder = tmp_path / "studio"
    folder.mkdir()
    return folder


def tone(seconds: float = 4.0, level: float = 0.3, rate: int = RATE) -> Samples:
    return level * np.sin(2 * np.pi * 220 * np.arange(round(seconds * rate)) / rate)


def save(path: Path, samples: Samples | None = None, rate: int = RATE, subtype: str | None = None) -> None:
    soundfile.write(path, tone(rate=rate) if samples is None else samples, rate, subtype)


def fates(report: ImportReport) -> dict[str, str]:
    return {file.name: "taken" if file.taken else file.what for file in report.files}


def test_recordings_are_imported_and_comments_stay(copy: Path, studio: Path) -> None:
    for prompt in ("ask_matter", "greeting", "message.balance"):
        save(studio / f"{prompt}.wav")
    report = import_recordings(copy, "pl", studio)
    assert report.imported == ("ask_matter", "greeting", "message.balance")
    bundle = load_bundle(copy)
    for prompt in report.imported:
        recording = bundle.recording(bundle.text(Prompt(prompt), "pl", WEDNESDAY_NOON))
        assert recording is not None
        assert recording.read_bytes() == (studio / f"{prompt}.wav").read_bytes()
    assert bundle.text(Prompt("message.balance"), "pl", WEDNESDAY_NOON).text.startswith("Saldo widać")
    assert bundle.text(Prompt("back"), "pl", WEDNESDAY_NOON).recording is None
    before, after = ((root / "prompts" / "pl.yml").read_text(encoding="utf-8").splitlines() for root in (DEFAULT_BUNDLE, copy))
    gone = [line for line in before if line not in after]
    assert gone == ['  ask_matter: "W czym mogę pomóc?"'], "comments, and every other line, are as they were"
    assert bundle.warnings == ()


@pytest.mark.parametrize(
    ("name", "stored", "subtype"),
    [
        ("greeting.WAV", "greeting.wav", None),
        ("greeting.Flac", "greeting.flac", None),
        ("greeting.ogg", "greeting.ogg", None),
        ("greeting.mp3", "greeting.mp3", None),
        ("greeting.wav", "greeting.wav", "FLOAT"),
        ("greeting.aiff", "greeting.aiff", None),
    ],
)
def test_whatever_can_be_played_is_taken(copy: Path, studio: Path, name: str, stored: str, subtype: str | None) -> None:
    save(studio / name, subtype=subtype)
    assert fates(import_recordings(copy, "pl", studio)) == {name: "taken"}
    recording = load_bundle(copy).prompts.files["pl"].prompts["greeting"].recording
    assert recording == f"recordings/pl/{stored}"
    assert soundfile.info(str(copy / recording)).duration == pytest.approx(4, abs=0.2)


def test_two_channels_are_played_as_one(copy: Path, studio: Path) -> None:
    save(studio / "greeting.wav", np.column_stack([tone(), tone()]))
    assert fates(import_recordings(copy, "pl", studio)) == {"greeting.wav": "taken"}


Make = Callable[[Path], object]


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("geeting.wav", save, "there is no prompt called 'geeting'. Did you mean 'greeting'?"),
        ("0817.wav", save, "there is no prompt called '0817'"),
        ("Greeting.wav", save, "Did you mean 'greeting'?"),
        ("greeting.m4a", lambda path: path.write_bytes(b"\0\0\0 ftypM4A " + bytes(99)), "save it as WAV"),
        ("greeting.wav", lambda path: path.write_bytes(b"no sound at all"), "not a sound file that can be read"),
        ("greeting.wav", lambda path: path.write_bytes(b""), "not a sound file that can be read"),
        ("greeting.raw", lambda path: path.write_bytes(bytes(9999)), "neither rate nor channels"),
        ("notes.txt", lambda path: path.write_text("take 3 is best"), "not a sound file that can be read"),
        (".DS_Store", lambda path: path.write_bytes(b"\0\0\0\1Bud1"), "not a sound file that can be read"),
        ("greeting", Path.mkdir, "a folder: put the files of one language"),
        ("expected_wait.wav", save, "the prompt holds a value, so it is always synthesised"),
        ("greeting.wav", lambda path: save(path, tone() * 0), "silent: its loudest moment is at -120 dBFS"),
        ("greeting.wav", lambda path: save(path, tone() * 0 + 0.4), "silent"),
        ("greeting.wav", lambda path: save(path, tone(level=0.002)), "silent: its loudest moment is at -57 dBFS"),
        ("greeting.wav", lambda path: save(path, np.column_stack([tone(), -tone()])), "cancel each other out"),
        ("greeting.wav", lambda path: save(path, tone(0)), "there is no sound in it"),
        ("greeting.wav", lambda path: save(path, tone(0.1)), "too short: 0.1 s of sound for a text of 44 characters"),
        ("greeting.wav", lambda path: save(path, tone(0.5)), "too short: 0.5 s of sound for a text of 44 characters"),
        ("greeting.wav", lambda path: save(path, np.clip(tone(level=3), -1, 1)), "record it again with less gain"),
        ("greeting.wav", lambda path: save(path, tone() * np.nan, subtype="FLOAT"), "some samples are no numbers"),
        ("greeting.wav", lambda path: save(path, tone(rate=6000), 6000), "6000 Hz is too low for speech"),
        ("greeting.wav", lambda path: save(path, tone(121)), "121 s is too long for a prompt"),
        ("greeting.wav", lambda path: path.symlink_to("gone.wav"), "not a sound file that can be read"),
    ],
)
def test_a_file_that_is_left_out_is_named_with_the_reason(copy: Path, studio: Path, name: str, make: Make, said: str) -> None:
    before = {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
    make(studio / name)
    (found,) = import_recordings(copy, "pl", studio).refused
    assert found.name == name
    assert said in found.what
    assert str(studio) not in found.what
    assert before == {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}, "the bundle is as it was"


def test_a_peak_at_full_scale_is_not_clipped(copy: Path, studio: Path) -> None:
    save(studio / "greeting.wav", tone(level=1.0))
    assert fates(import_recordings(copy, "pl", studio)) == {"greeting.wav": "taken"}


def test_one_prompt_in_two_files_is_taken_from_none(copy: Path, studio: Path) -> None:
    for name in ("greeting.wav", "greeting.FLAC", "ask_matter.wav"):
        save(studio / name)
    found = fates(import_recordings(copy, "pl", studio))
    assert found.pop("ask_matter.wav") == "taken"
    assert set(found.values()) == {"'greeting' has more than one file here (greeting.FLAC, greeting.wav): keep one"}


def test_a_new_recording_names_the_one_it_replaces(copy: Path, studio: Path) -> None:
    save(studio / "greeting.flac")
    import_recordings(copy, "pl", studio)
    (studio / "greeting.flac").unlink()
    save(studio / "greeting.wav")
    (file,) = import_recordings(copy, "pl", studio).files
    assert file.what == "recordings/pl/greeting.wav, in place of recordings/pl/greeting.flac, which can be deleted"


def test_files_that_lie_in_the_bundle_already_are_taken_where_they_are(copy: Path) -> None:
    folder = copy / "recordings" / "pl"
    folder.mkdir(parents=True)
    save(folder / "greeting.wav")
    assert import_recordings(copy, "pl", folder).imported == ("greeting",)
    assert [file.name for file in folder.iterdir()] == ["greeting.wav"]


def test_what_cannot_be_begun_is_said_at_once(copy: Path, studio: Path) -> None:
    save(studio / "greeting.wav")
    with pytest.raises(NotADirectoryError):
        import_recordings(copy, "pl", studio / "nowhere")
    with pytest.raises(BundleError, match=r"prompts/de\.yml: no such file"):
        import_recordings(copy, "de", studio)
    (copy / "prompts" / "pl.yml").write_text("language: pl\nprompts: [", encoding="utf-8")
    with pytest.raises(BundleError, match=r"prompts/pl\.yml:"):
        import_recordings(copy, "pl", studio)


def test_it_is_told_how_far_it_is(copy: Path, studio: Path) -> None:
    for name in ("greeting.wav", "ask_matter.wav"):
        save(studio / name)
    told: list[tuple[int, int]] = []
    import_recordings(copy, "pl", studio, lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
