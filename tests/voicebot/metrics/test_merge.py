"""Metrics of several processes in one text."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from voicebot.metrics.families import FAMILIES, STANDARD
from voicebot.metrics.merge import merged
from voicebot.metrics.registry import Metrics


def test_each_family_stands_once_and_each_sample_names_its_process() -> None:
    """Prometheus refuses a text that explains a metric twice."""
    calls, web = Metrics(), Metrics()
    calls.count("voicebot_calls_total", outcome="goodbye")
    calls.observe("voicebot_understand_seconds", 0.003)
    web.count("voicebot_calls_total", outcome="goodbye")
    web.read_from("voicebot_live_chats", lambda: 3)
    text = merged({"calls": calls.render(), "web": web.render()})
    explained = Counter(line.split()[2] for line in text.splitlines() if line.startswith("# TYPE"))
    assert set(explained) == {*FAMILIES, *STANDARD}
    assert set(explained.values()) == {1}
    lines = text.splitlines()
    assert 'voicebot_calls_total{outcome="goodbye",process="calls"} 1.0' in lines
    assert 'voicebot_calls_total{outcome="goodbye",process="web"} 1.0' in lines
    assert 'voicebot_live_chats{process="web"} 3.0' in lines
    assert 'voicebot_understand_seconds_bucket{le="+Inf",process="calls"} 1.0' in lines
    assert 'voicebot_understand_seconds_count{process="web"} 0.0' in lines


@given(st.lists(st.tuples(st.text(max_size=12), st.integers(1, 10**15)), max_size=8), st.text(min_size=1, max_size=8))
def test_nothing_of_a_text_is_lost_or_changed_whatever_its_labels_are(counted: list[tuple[str, int]], process: str) -> None:
    """Quotes, backslashes and line ends are escaped as they were."""
    metrics = Metrics()
    for code, amount in counted:
        metrics.count("voicebot_errors_total", amount, code=code)
    text = metrics.render()
    before, after = text_string_to_metric_families(text), text_string_to_metric_families(merged({process: text}))
    for old, new in zip(before, after, strict=True):
        assert (new.name, new.documentation, new.type) == (old.name, old.documentation, old.type)
        wanted = [each._replace(labels={**each.labels, "process": process}) for each in old.samples]
        assert new.samples == wanted


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ({"web": "502 Bad Gateway"}, "the metrics of web cannot be read"),
        ({"web": "# TYPE a gauge\na many\n"}, "the metrics of web cannot be read"),
        (
            {"a": "# TYPE x gauge\nx 1\n", "b": "# TYPE x histogram\nx_sum 1\n"},
            "x is a histogram in the metrics of b, and a gauge before",
        ),
    ],
)
def test_what_cannot_be_merged_is_named(texts: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        merged(texts)


def test_what_another_process_merged_keeps_its_names() -> None:
    """The calls' text is that of several workers, where there are several."""
    workers = merged({"calls-1": "# TYPE x gauge\nx 1\n", "calls-2": "# TYPE x gauge\nx 2\n"})
    lines = merged({"web": "# TYPE x gauge\nx 3\n", "calls": workers}).splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        'x{process="web"} 3.0',
        'x{process="calls-1"} 1.0',
        'x{process="calls-2"} 2.0',
    ]


def test_of_no_process_there_is_nothing() -> None:
    assert merged({}) == ""
