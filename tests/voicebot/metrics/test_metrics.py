"""Metrics in the Prometheus text format."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.metrics.families import FAMILIES
from voicebot.metrics.process import read_disk, tell_build
from voicebot.metrics.registry import Metrics
from voicebot.state.admission import Admitted

SAMPLE = re.compile(r'[a-z_]+(\{([a-z_]+="(\\.|[^"\\\n])*",?)+\})? -?(\d+(\.\d+)?(e[+-]\d+)?|inf|nan)')


def samples(metrics: Metrics) -> dict[str, float]:
    """Every sample line."""
    lines = [line for line in metrics.render().splitlines() if not line.startswith("#")]
    told = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}
    ours = {name: value for name, value in told.items() if name.startswith("voicebot_")}
    return {name: value for name, value in ours.items() if value or "_bucket" in name}


def counted(metrics: Metrics) -> dict[str, float]:
    """Samples that are no buckets."""
    return {name: value for name, value in samples(metrics).items() if "_bucket" not in name}


def test_counts_add_up_by_label() -> None:
    """Each outcome by itself."""
    metrics = Metrics()
    for outcome in ("handed_over", "handed_over", "goodbye"):
        metrics.count("voicebot_calls_total", outcome=outcome)
    assert counted(metrics) == {
        'voicebot_calls_total{outcome="handed_over"}': 2,
        'voicebot_calls_total{outcome="goodbye"}': 1,
    }


def test_a_histogram_counts_what_lies_below_each_bound() -> None:
    """Cumulative buckets, sum and count; what is on a bound lies below it."""
    metrics = Metrics()
    for seconds in (0.05, 0.06, 0.5, 99.0):
        metrics.observe("voicebot_response_seconds", seconds)
    told = samples(metrics)
    bucket = 'voicebot_response_seconds_bucket{le="%s"}'
    assert [told[bucket % bound] for bound in ("0.05", "0.1", "0.3", "0.5", "5.0", "+Inf")] == [1, 2, 2, 3, 3, 4]
    assert told["voicebot_response_seconds_count"] == 4
    assert told["voicebot_response_seconds_sum"] == pytest.approx(99.61)


def test_a_gauge_is_read_when_asked() -> None:
    """It is never out of date."""
    metrics = Metrics()
    calls: list[int] = []
    metrics.read_from("voicebot_live_calls", lambda: len(calls))
    calls.append(1)
    assert counted(metrics) == {"voicebot_live_calls": 1}


def test_every_figure_is_explained() -> None:
    """HELP and TYPE for each, also before anything was counted."""
    text = Metrics().render()
    for family in FAMILIES.values():
        assert f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n" in text


def test_an_unknown_figure_and_a_wrong_kind_are_mistakes_of_the_programmer() -> None:
    """They show in the first test that counts them."""
    metrics = Metrics()
    with pytest.raises(KeyError):
        metrics.count("voicebot_nonsense_total")
    with pytest.raises(ValueError, match="is a histogram, not a counter"):
        metrics.count("voicebot_response_seconds")


def test_labels_from_outside_cannot_eat_the_memory() -> None:
    """The number of series is bounded; known ones go on counting, and no count is lost."""
    metrics = Metrics()
    for number in range(5000):
        metrics.count("voicebot_errors_total", code=f"x.{number}")
    metrics.count("voicebot_errors_total", code="x.0")
    told = counted(metrics)
    assert len(told) == 501
    assert told['voicebot_errors_total{code="other"}'] == 4500
    assert told['voicebot_errors_total{code="x.0"}'] == 2


@given(st.lists(st.tuples(st.text(max_size=20), st.floats(0, 1e6)), max_size=20))
def test_whatever_is_counted_the_format_holds(counted: list[tuple[str, float]]) -> None:
    """Labels are escaped, numbers are numbers."""
    metrics = Metrics()
    for code, seconds in counted:
        metrics.count("voicebot_errors_total", code=code)
        metrics.observe("voicebot_steering_seconds", seconds)
    for line in metrics.render().split("\n"):
        assert line == "" or line.startswith("# ") or SAMPLE.fullmatch(line), line


def test_several_labels_can_be_read_at_once() -> None:
    """By their order."""
    metrics = Metrics()
    metrics.read_from("voicebot_build_info", lambda: [(("1.2", "abc", "3.11"), 1.0)])
    assert counted(metrics) == {'voicebot_build_info{bundle="abc",python="3.11",version="1.2"}': 1}


def test_a_counter_never_goes_back_whatever_its_source_forgets() -> None:
    """A smaller count would look like a new process, and be counted twice."""
    metrics = Metrics()
    told = iter([{"sip": 7}, {"sip": 0}, {"sip": 9}])
    metrics.read_from("voicebot_strangers_turned_away_total", lambda: next(told))
    name = 'voicebot_strangers_turned_away_total{endpoint="sip"}'
    assert [counted(metrics)[name] for _ in range(3)] == [7, 7, 9]


def test_a_source_that_breaks_costs_its_own_metric_only(tmp_path: Path) -> None:
    """A folder that is not there yet."""
    metrics = Metrics()
    read_disk(metrics, tmp_path / "missing")
    tell_build(metrics, bundle=lambda: "abc")
    assert [name.partition("{")[0] for name in counted(metrics)] == ["voicebot_build_info"]
    read_disk(metrics, tmp_path)
    assert 0 < counted(metrics)["voicebot_data_free_bytes"] < counted(metrics)["voicebot_data_size_bytes"]


def test_reasons_that_are_known_are_there_at_zero() -> None:
    """A rate does not see the first of a series that begins with it."""
    lines = Metrics().render().splitlines()
    for reason in Admitted:
        if reason is not Admitted.YES:
            assert f'voicebot_calls_refused_total{{reason="{reason}"}} 0.0' in lines


def test_threads_may_count_at_once() -> None:
    """Nothing is lost."""
    metrics = Metrics()

    def count() -> None:
        for _ in range(2000):
            metrics.count("voicebot_calls_total", outcome="x")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(metrics) == {'voicebot_calls_total{outcome="x"}': 8000}
