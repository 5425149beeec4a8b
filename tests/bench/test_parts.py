"""The bench as a whole: a yardstick, and parts that fail by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench.__main__ as whole
from audio.errors import SynthesisError
from bench.parts import part
from bench.yardstick import measure_yardstick
from voicebot.softphone import ScriptError


@pytest.mark.parametrize("error", [SynthesisError("piper said nothing"), ScriptError("the process failed")])
def test_a_part_that_cannot_be_measured_is_told_and_leaves_the_others(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    failed: list[str] = []
    with part("load", failed):
        raise error
    with part("latency", failed):
        pass
    assert failed == ["load"]
    assert capsys.readouterr().err == f"load: not measured: {error}\n"


def test_a_mistake_in_the_bench_itself_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), part("load", []):
        raise ZeroDivisionError


def test_the_yardstick_measures_three_pieces_of_work(tmp_path: Path) -> None:
    found: dict[str, float] = {}

    def say(name: str, value: float, how: str) -> None:
        found[name] = value

    measure_yardstick(say, tmp_path)
    assert set(found) == {"yardstick_python_loop_ms", "yardstick_silero_window_us", "yardstick_whisper_encoder_ms"}
    assert all(value > 0 for value in found.values())


def test_parts_that_run_a_service_share_its_models_and_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making them takes minutes, in which no figure comes."""
    folders: list[Path] = []

    async def measure(say: object, folder: Path, *more: object, quick: bool) -> list[str]:
        folders.append(folder)
        return []

    monkeypatch.setattr(whole, "measure_yardstick", lambda say, folder: None)
    monkeypatch.setattr(whole, "measure_web_calls", measure)
    monkeypatch.setattr(whole, "measure_calls", measure)
    assert whole.main(["--only", "web_calls", "load"]) == 0
    assert len(folders) == 2
    assert len(set(folders)) == 1
