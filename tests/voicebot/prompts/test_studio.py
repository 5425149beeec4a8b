"""From the studio into the bundle: what is taken, and what is said of every file that is not."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Semaphore

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from typer.testing import CliRunner

from dialogs import load_bundle
from dialogs.data.bundle import DEFAULT_BUNDLE, Bundle, content_version
from dialogs.events import Prompt
from tests.dialogs.calls import WEDNESDAY_NOON
from voicebot.cli.main import app
from voicebot.prompts.recording_list import Line, recording_list
from voicebot.prompts.studio import Fate, StudioFile, files_of, import_files, importing

RATE = 16000
TODAY = date(2026, 11, 25)
Samples = npt.NDArray[np.float64]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Loaded once: what an import does to its folder no later one is told."""
    return load_bundle(Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path_factory.mktemp("bundle") / "bundle")))


@pytest.fixture(scope="module")
def lines(bundle: Bundle) -> list[Line]:
    return recording_list(bundle, "pl", TODAY)


@pytest.fixture
def studio(tmp_path: Path) -> Path:
    folder = tmp_path / "studio"
    folder.mkdir()
    return folder


def tone(seconds: float = 4.0, level: float = 0.3, rate: int = RATE) -> Samples:
    return level * np.sin(2 * np.pi * 220 * np.arange(round(seconds * rate)) / rate)


def save(path: Path, samples: Samples | None = None, rate: int = RATE, subtype: str | None = None) -> None:
    soundfile.write(path, tone(rate=rate) if samples is None else samples, rate, subtype)


def brought(root: Path, *sources: Path, replace: bool = False, only: str | None = None) -> list[StudioFile]:
    """What `voicebot prompts import` does."""
    bundle = load_bundle(root)
    lines = recording_list(bundle, "pl", TODAY)
    line = next(line for line in lines if line.name == only) if only else None
    return import_files(bundle, lines, files_of(sources), replace=replace, only=line)


def fates(files: list[StudioFile]) -> dict[str, str]:
    return {file.name: file.what if file.fate is Fate.REFUSED else file.fate.value for file in files}


def contents(root: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_recordings_are_imported_and_comments_stay(copy: Path, studio: Path) -> None:
    for name in ("001_Ask Matter-final v2", "greeting", "Message.Balance (1)", "part.trzeba_poczekać", "part.o"):
        save(studio / f"{name}.wav")
    assert set(fates(brought(copy, studio)).values()) == {"imported"}
    bundle = load_bundle(copy)
    for prompt in ("ask_matter", "greeting", "message.balance"):
        recording = bundle.recording(bundle.text(Prompt(prompt), "pl", WEDNESDAY_NOON))
        assert recording is not None
        assert recording.name.startswith(f"{prompt}.")
        assert soundfile.info(str(recording)).duration == pytest.approx(4.0, abs=0.05)
    assert bundle.prompts.parts("pl").recording("trzeba poczekać") is not None
    assert bundle.text(Prompt("message.balance"), "pl", WEDNESDAY_NOON).text.startswith("Saldo widać")
    assert bundle.text(Prompt("back"), "pl", WEDNESDAY_NOON).recording is None
    before, after = ((root / "prompts" / "pl.yml").read_text(encoding="utf-8").splitlines() for root in (DEFAULT_BUNDLE, copy))
    gone = [line for line in before if line not in after]
    assert gone == ['  ask_matter: "W czym mogę pomóc?"'], "comments, and every other line, are as they were"
    assert bundle.warnings == ()


def test_a_second_time_nothing_changes_and_nothing_is_overwritten_unasked(copy: Path, studio: Path) -> None:
    save(studio / "greeting.wav")
    save(studio / "part.o.wav")
    brought(copy, studio)
    once = contents(copy)
    assert set(fates(brought(copy, studio)).values()) == {"unchanged"}
    assert contents(copy) == once
    save(studio / "greeting.wav", tone(3.0))
    assert "--replace takes this one" in fates(brought(copy, studio))["greeting.wav"]
    assert contents(copy) == once
    assert fates(brought(copy, studio, replace=True)) == {"greeting.wav": "imported", "part.o.wav": "unchanged"}
    assert once.keys() < contents(copy).keys(), "calls under way play the old one to its end"
    spec = load_bundle(copy).prompts.files["pl"].prompts["greeting"]
    assert spec.recording is not None
    assert spec.recording.encode() not in once[copy / "prompts" / "pl.yml"], "another sound is another recording to approve"


@pytest.mark.parametrize(
    ("name", "rate", "subtype", "channels"),
    [
        ("greeting.WAV", 44100, "PCM_24", 2),
        ("greeting.wav", 48000, "FLOAT", 1),
        ("greeting.Flac", 48000, "PCM_24", 2),
        ("greeting.ogg", 44100, None, 2),
        ("greeting.ogg", 48000, "OPUS", 1),
        ("greeting.mp3", 44100, None, 2),
        ("greeting.aiff", 16000, None, 1),
        ("greeting.wav", 8000, "PCM_U8", 1),
    ],
)
def test_what_a_studio_sends_comes_out_in_one_format(
    bundle: Bundle, lines: list[Line], studio: Path, name: str, rate: int, subtype: str | None, channels: int
) -> None:
    save(studio / name, np.column_stack([tone(rate=rate)] * channels), rate, subtype)
    (file,) = import_files(bundle, lines, files_of([studio]))
    assert file.fate is Fate.IMPORTED
    found = soundfile.info(str(bundle.root / file.what))
    assert (found.format, found.subtype, found.channels, found.samplerate) == ("FLAC", "PCM_16", 1, min(rate, 24000))
    assert found.duration == pytest.approx(4.1, abs=0.1)


Make = Callable[[Path], object]


def truncated(path: Path) -> None:
    save(path)
    os.truncate(path, 60)


def half(path: Path) -> None:
    """As an upload that broke off leaves it."""
    save(path)
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("geeting.wav", save, "nothing to be recorded is called 'geeting'. Did you mean 'greeting'?"),
        ("0817.wav", save, "nothing to be recorded is called '0817'"),
        ("greeting.m4a", lambda path: path.write_bytes(b"\0\0\0 ftypM4A " + bytes(99)), "save it as WAV"),
        ("greeting.mp3", lambda path: path.write_text("no sound at all"), "not a sound file that can be read"),
        ("greeting.flac", truncated, "not a sound file that can be read"),
        ("greeting.wav", lambda path: save(path, np.column_stack([tone()] * 8)), "8 channels"),
        ("greeting.wav", os.mkfifo, "no file: a link that leads nowhere, a folder or a device"),
        ("greeting.wav", lambda path: path.write_bytes(b"no sound at all"), "not a sound file that can be read"),
        ("greeting.wav", lambda path: path.write_bytes(b""), "not a sound file that can be read"),
        ("greeting.raw", lambda path: path.write_bytes(bytes(9999)), "neither rate nor channels"),
        ("greeting.txt", lambda path: path.write_text("take 3 is best"), "no recording: .txt is no ending of a sound file"),
        ("greeting.wav", half, "cut off: its header says that it is longer"),
        ("greeting.mp3", half, "cut off: its header says that it is longer"),
        ("greeting.aiff", half, "cut off: its header says that it is longer"),
        ("greeting", Path.mkdir, "a folder: put the files of one language"),
        ("expected_wait.wav", save, "nothing to be recorded is called 'expected_wait'"),
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
        ("greeting.wav", lambda path: save(path, tone(121)), "too long for a prompt: more than 120 s"),
        ("greeting.wav", lambda path: path.symlink_to("gone.wav"), "no file: a link that leads nowhere"),
    ],
)
def test_a_file_that_is_left_out_is_named_with_the_reason(
    bundle: Bundle, lines: list[Line], studio: Path, name: str, make: Make, said: str
) -> None:
    before = contents(bundle.root)
    make(studio / name)
    (found,) = import_files(bundle, lines, files_of([studio]))
    assert found.name == name
    assert found.fate is Fate.REFUSED
    assert said in found.what
    assert str(studio) not in found.what
    assert before == contents(bundle.root), "the bundle is as it was"


def test_a_peak_at_full_scale_is_not_clipped(copy: Path, studio: Path) -> None:
    save(studio / "greeting.wav", tone(level=1.0))
    assert fates(brought(copy, studio)) == {"greeting.wav": "imported"}


def test_one_prompt_in_two_files_is_taken_from_none_and_one_named_by_hand_is_taken(copy: Path, studio: Path) -> None:
    for name in ("greeting.wav", "Greeting take2.FLAC", "back.wav", "tape 7.wav"):
        save(studio / name)
    found = fates(brought(copy, studio))
    assert found.pop("back.wav") == "imported"
    assert "nothing to be recorded" in found.pop("tape 7.wav")
    assert set(found.values()) == {"'greeting' has more than one file here (Greeting take2.FLAC, greeting.wav): keep one"}
    assert fates(brought(copy, studio / "tape 7.wav", only="greeting")) == {"tape 7.wav": "imported"}


def test_what_lies_beside_the_recordings_is_no_second_one(copy: Path, studio: Path) -> None:
    """A Mac's archive has a hidden file beside each, studios send the text along; what was written to a pipe tells no size."""
    save(studio / "greeting.wav")
    for name in ("._greeting.wav", ".DS_Store", "greeting.txt"):
        (studio / name).write_bytes(b"\0\x05\x16\x07")
    content = bytearray((studio / "greeting.wav").read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    (studio / "greeting.wav").write_bytes(content)
    found = fates(brought(copy, studio))
    assert found.pop("greeting.txt").startswith("no recording")
    assert found == {"greeting.wav": "imported"}


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # no name of a file: so Python tells it while writing


@pytest.mark.parametrize(("after", "end"), [(0, FULL), (4, FULL), (3, KeyboardInterrupt()), (5, KeyboardInterrupt())])
def test_an_import_that_ends_in_the_middle_leaves_the_bundle_as_it_was(
    copy: Path, studio: Path, monkeypatch: pytest.MonkeyPatch, end: BaseException, after: int
) -> None:
    """Each recording goes to the disk, and its name; then the texts, at once, and what they name stays. It is begun again."""
    for name in ("greeting.wav", "back.wav"):
        save(studio / name)
    before, done = contents(copy), iter(range(99))

    def to_the_disk(handle: int) -> None:
        if next(done) == after:
            raise end

    with monkeypatch.context() as patched:
        patched.setattr("voicebot.files.os.fsync", to_the_disk)
        result = CliRunner().invoke(app, ["prompts", "import", str(studio), "--bundle", str(copy)])
    assert result.exit_code != 0
    assert isinstance(end, KeyboardInterrupt) or "No space left on device: make room" in result.stderr
    named = after == 5
    assert named or contents(copy) == before
    assert set(fates(brought(copy, studio)).values()) == {"unchanged" if named else "imported"}
    assert load_bundle(copy).warnings == ()


def test_what_a_killed_import_left_is_taken_away_and_half_a_recording_is_made_whole(copy: Path, studio: Path) -> None:
    save(studio / "greeting.wav")
    (file,) = brought(copy, studio)
    whole, version = contents(copy), content_version(copy)
    recording = copy / file.what
    (recording.parent / f".{recording.name}.01234567.draft").write_bytes(b"fLaC")
    for name in (".pl.yml", "._pl.yml"):  # of an earlier version, and of a Mac's archive
        (copy / "prompts" / name).write_bytes(b"\0\x05language: pl")
    assert content_version(copy) == version, "no call depends on them"
    os.truncate(recording, recording.stat().st_size // 2)
    with importing(copy):
        assert fates(brought(copy, studio)) == {"greeting.wav": "imported"}
    assert {path: content for path, content in contents(copy).items() if path.suffix != ".yml" or path in whole} == whole


def test_of_two_imports_at_once_each_waits_for_the_other(copy: Path, studio: Path) -> None:
    waiting = Semaphore(0)

    def bring(name: str) -> None:
        save(studio / f"{name}.wav")
        with importing(copy, waits=waiting.release):
            brought(copy, studio / f"{name}.wav")

    with ThreadPoolExecutor() as pool:
        with importing(copy):
            under_way = [pool.submit(bring, name) for name in ("greeting", "back")]
            for _ in under_way:
                waiting.acquire()
        for each in under_way:
            each.result()
    prompts = load_bundle(copy).prompts.files["pl"].prompts
    assert all(prompts[name].recording for name in ("greeting", "back"))


def test_what_should_be_listened_to_is_said(copy: Path, studio: Path) -> None:
    noise = 0.02 * np.random.default_rng(5).standard_normal(10 * RATE)
    noise[RATE : RATE * 9] += tone(8.0)
    save(studio / "back.wav", noise)
    save(studio / "greeting.wav", tone(1.2, 0.01) + 0.03)
    doubts = {file.name: " ".join(file.doubts) for file in brought(copy, studio)}
    assert "noise at -34 dBFS" in doubts["back.wav"]
    assert "is it this text?" in doubts["back.wav"]
    assert "constant offset" in doubts["greeting.wav"]
    assert "is it the whole text?" in doubts["greeting.wav"]
    assert "quiet" in doubts["greeting.wav"]


def test_a_recording_goes_to_the_wording_that_it_says(copy: Path, studio: Path) -> None:
    """Of a text that changes next month the new wording is what the studio reads."""
    path = copy / "prompts" / "pl.yml"
    old = '  greeting.short: "Tu automatyczny asystent."'
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(
        text.replace(
            old,
            '  greeting.short: {text: "Tu nowy asystent.", valid_from: 2027-01-01, approver: A, '
            'history: [{text: "Tu automatyczny asystent.", approver: A, valid_from: 2025-01-01}]}',
        ),
        encoding="utf-8",
    )
    bundle = load_bundle(copy)
    (line,) = (line for line in recording_list(bundle, "pl", TODAY) if line.name == "greeting.short")
    assert line.text == "Tu nowy asystent."
    save(studio / "greeting.short.wav")
    brought(copy, studio)
    today = load_bundle(copy).text(Prompt("greeting.short"), "pl", WEDNESDAY_NOON)
    assert (today.text, today.recording) == ("Tu automatyczny asystent.", None)


def test_a_name_that_no_terminal_should_see_is_not_printed(copy: Path, studio: Path) -> None:
    hostile = os.fsencode(studio) + b"/gre\x1b[2Jeting\xff\n.wav"
    Path(os.fsdecode(hostile)).write_bytes(b"")
    (file,) = brought(copy, studio)
    assert file.name.isprintable()
    assert file.what.isprintable()


def test_what_is_not_there_is_named(studio: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files_of([studio / "nowhere"])
