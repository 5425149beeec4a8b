"""What only the machine shows: models, programs, room, file handles."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from voicebot.config.check import check_config
from voicebot.config.machine import Machine

ROOT = Path(__file__).parents[3]
WELL = Machine(lambda folder: 10**12, lambda: 10**6, lambda program: f"/usr/bin/{program}", lambda package: object())


def told(tmp_path: Path, text: str, machine: Machine = WELL) -> list[tuple[str, str, bool]]:
    path = tmp_path / "voicebot.yml"
    path.write_text(f"sip: {{peers: [192.0.2.0/24]}}\n{text}", encoding="utf-8")
    return [(problem.where, problem.what, problem.fatal) for problem in check_config(path, machine)]


def test_a_machine_that_has_everything_is_told_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, f"state: {{data_dir: {tmp_path}}}\n") == []


@pytest.mark.parametrize(
    ("engine", "files", "missing"),
    [
        ("whisper", (), "model.bin"),
        ("whisper", ("model.bin", "config.json"), "tokenizer.json"),
        ("whisper", ("model.bin", "config.json", "tokenizer.json"), ""),
        ("vosk", ("am",), "am/final.mdl"),
        ("vosk", ("final.mdl",), ""),
    ],
)
def test_a_folder_without_its_model_is_told(tmp_path: Path, engine: str, files: tuple[str, ...], missing: str) -> None:
    """The service would start with keys only."""
    model = tmp_path / "model"
    model.mkdir()
    for name in files:
        (model / name).touch()
    found = told(tmp_path, f"recognisers:\n  pl: {{engine: {engine}, model: {model}}}\n")
    wanted = [("recognisers.pl.model", f"{model} is no model for {engine}: {missing} is missing", False)]
    assert found == (wanted if missing else [])


def test_a_voice_needs_its_files_and_its_program(tmp_path: Path) -> None:
    voice = tmp_path / "pl.onnx"
    voice.touch()
    text = f"voices:\n  pl: {{piper_model: {voice}}}\n"
    assert told(tmp_path, text) == [("voices.pl.piper_model", f"{voice}.json does not exist", False)]
    (tmp_path / "pl.onnx.json").touch()
    assert told(tmp_path, text) == []
    without = replace(WELL, package=lambda package: None)
    assert told(tmp_path, text, without) == [("voices.pl.piper_model", "piper is not installed", False)]


def test_a_language_that_nobody_can_speak_is_told(tmp_path: Path) -> None:
    """Polish has a formant voice only."""
    found = told(tmp_path, "", replace(WELL, program=lambda program: None))
    assert [(where, fatal) for where, what, fatal in found if "espeak-ng is not installed" in what] == [("voices.pl", False)]
    nothing = replace(WELL, program=lambda program: None, package=lambda package: None)
    assert [where for where, what, _ in told(tmp_path, "", nothing) if "espeak-ng" in what] == ["voices.en", "voices.pl"]


@pytest.mark.parametrize(("free", "fatal"), [(0, [True]), (5_000_000, [True]), (300_000_000, [False]), (5_000_000_000, [])])
def test_a_disk_that_is_full_stops_the_service_before_it_starts(tmp_path: Path, free: int, fatal: list[bool]) -> None:
    """One that will soon be full is told of."""
    found = told(tmp_path, f"state:\n  data_dir: {tmp_path / 'not' / 'yet'}\n", replace(WELL, free_bytes=lambda folder: free))
    assert [problem[2] for problem in found] == fatal
    assert all(where == "state.data_dir" and f"{free // 1_000_000} MB free" in what for where, what, _ in found)


def test_every_folder_that_is_written_is_looked_at(tmp_path: Path) -> None:
    text = (
        "recording: {folder: /srv/a}\nrecords: {folder: /srv/b}\ncustomers: {sqlite: /srv/c/customers.db}\n"
        f"state: {{data_dir: {tmp_path}}}\n"
    )
    found = told(tmp_path, text, replace(WELL, free_bytes=lambda folder: 0))
    assert {where for where, _, _ in found} == {"recording.folder", "records.folder", "customers.sqlite", "state.data_dir"}


@pytest.mark.parametrize(
    ("text", "allowed", "where"),
    [
        ("limits: {max_calls: 60}\n", 4096, []),
        ("limits: {max_calls: 200}\n", 1200, ["limits.max_calls"]),
        ("limits: {max_calls: 60}\n", 1024, ["web.limits.max_connections"]),
        ("limits: {max_calls: 60}\nweb: {enabled: false}\n", 1024, []),
        ("limits: {max_calls: 200}\n", resource.RLIM_INFINITY, []),
    ],
)
def test_too_few_file_handles_are_told_with_how_many_are_needed(
    tmp_path: Path, text: str, allowed: int, where: list[str]
) -> None:
    """By process."""
    found = told(tmp_path, text, replace(WELL, handles=lambda: allowed))
    assert [problem[0] for problem in found] == where
    assert all(f"open files, and {allowed} are allowed" in what for _, what, _ in found)


def test_the_machine_itself_is_asked() -> None:
    """A process that may open few files is told so."""
    asked = "import resource, sys; from voicebot.config.check import check_config; "
    asked += "resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300)); print(*check_config(), sep='\\n')"
    env = {name: value for name, value in os.environ.items() if not name.startswith("VOICEBOT_")}
    shown = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=ROOT, env=env)
    assert "and 300 are allowed" in shown.stdout


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("state: {data_dir: /tmp/" + "x" * 300 + "}", "state.data_dir"),
        ('state: {data_dir: "/tmp/a\\0b"}', "state.data_dir"),
        ("bundle: /tmp/" + "x" * 300, "bundle"),
        ("customers: {sqlite: /" + "x" * 300 + "/customers.db}", "customers.sqlite"),
        ('web: {tls: {certificate: "/a\\0", key: /b}}', "web.tls.certificate"),
    ],
)
def test_a_path_that_no_system_has_is_a_mistake_with_its_place(tmp_path: Path, text: str, where: str) -> None:
    """Where looking for the file fails in itself."""
    found = [(named, fatal) for named, what, fatal in told(tmp_path, text + "\n") if "cannot be used" in what]
    assert found == [(where, True)]
