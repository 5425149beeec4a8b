"""`voicebot asr collect`: what leaves the records is what a person labelled, nothing masked, and for its owner alone."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from audio.loudness import Floats, resampled, to_floats
from audio.synthesis import read_wav
from tests.voicebot.records.databases import heard, summary
from voicebot.cli.main import app
from voicebot.hearing.collecting import place
from voicebot.hearing.folder import read_folder
from voicebot.identity.audit_table import AuditTable
from voicebot.records.database import Database
from voicebot.records.engine import open_engine
from voicebot.records.summary import CallRecord
from voicebot.review.queues import Queue
from voicebot.review.store import Review


@pytest.fixture
def speech() -> tuple[Floats, int]:
    """A sentence spoken by espeak-ng, and its rate."""
    command = ("espeak-ng", "-v", "pl", "--stdout", "zgubiłam kartę i chcę ją zastrzec")
    sound = read_wav(subprocess.run(command, capture_output=True, check=True).stdout, "espeak-ng")
    return resampled(to_floats(sound.pcm), sound.sample_rate, 8000), 8000


def test_a_turn_is_placed_between_the_turn_before_it_and_its_words() -> None:
    offered, partial = {"kind": "offered"}, {"type": "Heard", "final": False}
    said = {"type": "Heard", "final": True}
    assert place([(0.5, offered), (1.0, partial), (4.0, said)]) == (0.0, 3.5)
    assert place([(0.5, offered), (4.0, said), (5.0, partial), (9.0, said)]) == (3.5, 8.5)
    assert place([(0.5, offered), (4.0, said), (6.0, {"kind": "ignored"}), (9.0, said)]) == (5.5, 8.5)
    assert place([(4.0, said)]) is None, "without the mark nobody knows where the recording begins"


def _is_begun_again_when_it_was_killed(out: Path, config: Path) -> None:
    """Ctrl-C leaves nothing; kill -9 leaves what the next run erases: a label, or a consent, may be gone by then."""
    whole = {path.name: path.read_bytes() for path in out.iterdir()}
    killed = out.with_name("killed")
    collecting = ["asr", "collect", str(killed), "--config", str(config)]
    with patch("voicebot.hearing.collecting.write_whole", side_effect=KeyboardInterrupt):
        assert CliRunner().invoke(app, collecting).exit_code != 0
    assert list(killed.iterdir()) == []
    for name in (".unfinished", "half-1.wav", "lines.tsv.12.draft"):
        (killed / name).write_bytes(b"RIFF")
    assert CliRunner().invoke(app, collecting).exit_code == 0
    assert {path.name: path.read_bytes() for path in killed.iterdir()} == whole


def test_only_clean_labelled_turns_of_recorded_lines_are_collected(tmp_path: Path, speech: tuple[Floats, int]) -> None:
    samples, rate = speech
    recording = tmp_path / "call.wav"
    stereo = np.zeros((12 * rate, 2), dtype=np.float32)
    stereo[2 * rate : 2 * rate + len(samples), 0] = samples
    stereo[:, 1] = 0.3  # the bot is not the caller
    soundfile.write(recording, stereo, rate)
    url = f"sqlite:///{tmp_path / 'records.db'}"
    config = tmp_path / "voicebot.yml"
    config.write_text(
        f"state: {{data_dir: {tmp_path / 'data'}}}\nrecords: {{database_url: '{url}'}}\n"
        "recording: {enabled: true, lines: {web: false}}\n"
    )
    database, engine = Database(url), open_engine(url)
    offered = {"t": 0.0, "what": "note", "kind": "offered"}
    texts = {
        "c1": "zgubiłam kartę",
        "c2": "mój pesel <pesel>",
        "c3": "bez nagrania",
        "c4": "inna linia",
        "c5": "nie wiadomo o czym",
    }
    for number, (call_id, text) in enumerate(texts.items()):
        told = summary(
            call_id,
            started=summary().started + timedelta(minutes=number),
            line="web" if call_id == "c4" else "main",
            language="pl",
            recording=None if call_id == "c3" else str(recording),
        )
        database.write(CallRecord(told, [offered, {**heard(text), "t": 2.5 + len(samples) / rate}]))
        Review(engine).label((call_id, 1), "card_block", who="anna", queue=Queue.DOUBTFUL)
    Review(engine).label(("c5", 1), "transfer", who="ola", queue=Queue.DOUBTFUL)
    database.close()
    engine.dispose()

    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["asr", "collect", str(out), "--config", str(config)])
    assert done.exit_code == 0, done.output
    assert "1 turns of 5" in done.stdout
    assert done.stdout.count("1 left out: ") == 4
    (kept,) = read_folder(out).spoken
    assert (kept.text, kept.matter) == ("", "card_block"), "nobody has listened yet"
    assert (out / "lines.tsv").read_text().endswith("\tzgubiłam kartę\n")
    part, _ = soundfile.read(kept.path)
    assert part.ndim == 1, "the caller alone"
    assert abs(len(part) - len(samples)) < rate, "from the first word to the last"
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    assert out.stat().st_mode & 0o777 == 0o700
    table = AuditTable(url)
    (line,) = table.latest(1, what="recordings.collected")
    table.close()
    assert '"labelled":5' in line.note.facts
    _is_begun_again_when_it_was_killed(out, config)
    again = CliRunner().invoke(app, ["asr", "collect", str(out), "--config", str(config)])
    assert again.exit_code == 2, "a folder is never added to"
