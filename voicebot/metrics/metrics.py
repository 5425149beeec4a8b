"""Figures of this process in the Prometheus text format (version 0.0.4)."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Labels = tuple[tuple[str, str], ...]
Source = Callable[[], "float | Mapping[str, int]"]

_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0)
_UNDERSTANDING = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
_STEERING = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0)
_MOST_SERIES = 500  # labels come from outside now and then; a figure must not eat the memory


@dataclass(slots=True)
class _Histogram:
    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0
    observed: int = 0

    def add(self, value: float) -> None:
        if not self.counts:
            self.counts = [0] * len(self.bounds)
        at = bisect_left(self.bounds, value)
        if at < len(self.bounds):
            self.counts[at] += 1
        self.total += value
        self.observed += 1


@dataclass(frozen=True, slots=True)
class Family:
    """One figure: its name, what it says, and for histograms the bounds of its buckets."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    bounds: tuple[float, ...] = ()


FAMILIES = {
    family.name: family
    for family in (
        Family("voicebot_calls_total", "counter", "Calls that ended, by outcome."),
        Family("voicebot_calls_refused_total", "counter", "Calls not admitted, by reason."),
        Family("voicebot_handoffs_total", "counter", "Hand-offs, by queue and result."),
        Family("voicebot_callbacks_total", "counter", "Callbacks promised, taken, done, given_up, served…, by queue."),
        Family("voicebot_callbacks_waiting", "gauge", "Callbacks promised and not made yet, by queue (all processes)."),
        Family("voicebot_chats_total", "counter", "Chats that ended, by outcome."),
        Family("voicebot_chats_refused_total", "counter", "Chats not let in, by reason."),
        Family("voicebot_survey_answers_total", "counter", "Answers to the survey, by answer and line."),
        Family("voicebot_decisions_total", "counter", "Decisions of the dialogue, by kind."),
        Family("voicebot_errors_total", "counter", "Errors, by code."),
        Family("voicebot_response_seconds", "histogram", "End of speech to the first audio of the answer.", _SECONDS),
        Family(
            "voicebot_understand_seconds",
            "histogram",
            "Understanding one utterance.",
            (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5),
        ),
        Family("voicebot_steering_seconds", "histogram", "Answer to hand-off.", _STEERING),
        Family("voicebot_live_chats", "gauge", "Chats under way in this process."),
        Family("voicebot_live_calls", "gauge", "Calls under way in this process."),
        Family("voicebot_state_available", "gauge", "1 while the state server answers."),
        Family("voicebot_state_pending_writes", "gauge", "State writes that wait for the server."),
        Family("voicebot_records_waiting", "gauge", "Call records not in the database yet."),
        Family("voicebot_webhook_given_up", "gauge", "Webhook messages given up since the start."),
    )
}


class Metrics:
    """Counts, gauges and histograms by the names in `FAMILIES`. Any thread may report; an unknown name raises KeyError."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, dict[Labels, float]] = {}
        self._histograms: dict[str, dict[Labels, _Histogram]] = {}
        self._read: dict[str, tuple[str, Source]] = {}

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Add to a counter."""
        key = self._key(name, "counter", labels)
        with self._lock:
            series = self._values.setdefault(name, {})
            if key in series or len(series) < _MOST_SERIES:
                series[key] = series.get(key, 0.0) + amount

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add to a histogram."""
        key = self._key(name, "histogram", labels)
        with self._lock:
            series = self._histograms.setdefault(name, {})
            if key in series or len(series) < _MOST_SERIES:
                series.setdefault(key, _Histogram(FAMILIES[name].bounds)).add(seconds)

    def read_from(self, name: str, source: Source, *, label: str = "") -> None:
        """Let a gauge be read from `source` whenever figures are asked for: one figure, or several by the values of a label."""
        self._key(name, "gauge", {})
        self._read[name] = label, source

    def render(self) -> str:
        """Everything, as Prometheus reads it."""
        return "".join(f"{line}\n" for family in FAMILIES.values() for line in self._lines(family))

    def _lines(self, family: Family) -> Iterator[str]:
        yield f"# HELP {family.name} {family.help}"
        yield f"# TYPE {family.name} {family.kind}"
        if family.name in self._read:
            label, source = self._read[family.name]
            value = source()
            series = value.items() if isinstance(value, Mapping) else [("", value)]
            for named, figure in series:
                yield f"{family.name}{_written(((label, named),) if named else ())} {figure:g}"
        with self._lock:
            values = dict(self._values.get(family.name, {}))
            histograms = self._histograms.get(family.name, {}).items()
            buckets = [line for key, each in histograms for line in _buckets(family.name, key, each)]
        for key, value in values.items():
            yield f"{family.name}{_written(key)} {value:g}"
        yield from buckets

    @staticmethod
    def _key(name: str, kind: str, labels: dict[str, str]) -> Labels:
        if FAMILIES[name].kind != kind:
            raise ValueError(f"{name} is a {FAMILIES[name].kind}, not a {kind}")
        return tuple(sorted(labels.items()))


def _buckets(name: str, key: Labels, histogram: _Histogram) -> Iterator[str]:
    running = 0
    for bound, number in zip(histogram.bounds, histogram.counts, strict=True):
        running += number
        yield f"{name}_bucket{_written((*key, ('le', f'{bound:g}')))} {running}"
    yield f"{name}_bucket{_written((*key, ('le', '+Inf')))} {histogram.observed}"
    yield f"{name}_sum{_written(key)} {histogram.total:g}"
    yield f"{name}_count{_written(key)} {histogram.observed}"


def _written(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = ((name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in labels)
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"
