"""The bench as a whole: a yardstick, and parts that fail by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

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
