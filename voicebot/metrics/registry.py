"""The metrics of one service, in a registry of their own, for Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import assert_never

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from voicebot.metrics.families import FAMILIES, Family, Kind

Source = Callable[[], "float | Mapping[str, float] | Sequence[tuple[Sequence[str], float]]"]
"""A value; or several, by the value of the only label, or each with the values of all labels in the family's order."""

_MOST_SERIES = 500
"""Labels come from outside now and then: a metric must not fill the memory."""
_OTHER = "other"
"""The label of everything above that."""

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # a time stamp per counter that nobody reads


class Metrics:
    """Counts, gauges and histograms by the names in `FAMILIES`. Any thread may report; an unknown name raises KeyError."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._lock = threading.Lock()
        self._series: dict[str, set[tuple[str, ...]]] = {}
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._read = _ReadWhenAsked()
        for family in FAMILIES.values():
            match family.kind:
                case Kind.HISTOGRAM:
                    self._histograms[family.name] = Histogram(
                        family.name, family.help, family.labels, buckets=family.bounds, registry=self._registry
                    )
                case Kind.COUNTER:
                    self._counters[family.name] = Counter(family.name, family.help, family.labels, registry=None)
                    for value in family.known:
                        self.count(family.name, 0.0, **{family.labels[0]: value})
                case Kind.GAUGE:
                    pass  # read when asked, see `read_from`
                case _:
                    assert_never(family.kind)
        self._registry.register(self._read)
        self._registry.register(_Counters(self._counters, self._read))
        ProcessCollector(registry=self._registry)

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Add to a counter. Once it has too many series, new ones are counted as "other"."""
        family = self._family(name, Kind.COUNTER)
        if not self._has_room(family, labels):
            labels = dict.fromkeys(family.labels, _OTHER)
        counter = self._counters[name]
        (counter.labels(**labels) if family.labels else counter).inc(amount)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add to a histogram. Its series are bounded like a counter's."""
        family = self._family(name, Kind.HISTOGRAM)
        if not self._has_room(family, labels):
            labels = dict.fromkeys(family.labels, _OTHER)
        histogram = self._histograms[name]
        (histogram.labels(**labels) if family.labels else histogram).observe(value)

    def read_from(self, name: str, source: Source) -> None:
        """Let a gauge or a counter be read from `source` whenever metrics are asked for. A counter that its source sets back
        stays where it was.
        """
        self._read.add(FAMILIES[name], source)

    def render(self) -> str:
        """Everything, in the Prometheus text format (version 0.0.4)."""
        return generate_latest(self._registry).decode()

    def _has_room(self, family: Family, labels: Mapping[str, str]) -> bool:
        """Whether one more series may begin; those that are there go on."""
        key = tuple(labels[name] for name in family.labels)
        with self._lock:
            known = self._series.setdefault(family.name, set())
            if key in known:
                return True
            if len(known) >= _MOST_SERIES:
                return False
            known.add(key)
            return True

    @staticmethod
    def _family(name: str, kind: Kind) -> Family:
        family = FAMILIES[name]
        if family.kind is not kind:
            raise ValueError(f"{name} is a {family.kind}, not a {kind}")
        return family


class _ReadWhenAsked(Collector):
    """Metrics that somebody else keeps, read when Prometheus asks."""

    def __init__(self) -> None:
        self._sources: dict[str, tuple[Family, Source]] = {}
        self._highest: dict[tuple[str, tuple[str, ...]], float] = {}

    def add(self, family: Family, source: Source) -> None:
        if family.kind is Kind.HISTOGRAM:
            raise ValueError(f"{family.name} is a histogram: report to it with observe")
        self._sources[family.name] = family, source

    def __contains__(self, name: str) -> bool:
        return name in self._sources

    def collect(self) -> Iterator[Metric]:
        """Every source's value now; one that cannot be read is left out."""
        for family in FAMILIES.values():
            if family.name in self._sources:
                yield self._read(family, self._sources[family.name][1])
            elif family.kind is Kind.GAUGE:
                yield GaugeMetricFamily(family.name, family.help, labels=family.labels)

    def _read(self, family: Family, source: Source) -> Metric:
        kind = GaugeMetricFamily if family.kind is Kind.GAUGE else CounterMetricFamily
        metric = kind(family.name, family.help, labels=family.labels)
        try:
            value = source()
        except Exception:  # one broken source must not hide the other metrics
            return metric
        for labels, figure in _labelled(value):
            metric.add_metric(labels, self._never_less(family, tuple(labels), float(figure)))
        return metric

    def _never_less(self, family: Family, labels: tuple[str, ...], figure: float) -> float:
        """A counter only grows, whatever its source forgets (a socket that was closed counts from nothing again)."""
        if family.kind is not Kind.COUNTER:
            return figure
        key = family.name, labels
        self._highest[key] = max(figure, self._highest.get(key, 0.0))
        return self._highest[key]


def _labelled(
    value: float | Mapping[str, float] | Sequence[tuple[Sequence[str], float]],
) -> Sequence[tuple[Sequence[str], float]]:
    if isinstance(value, Mapping):
        return [((label,), figure) for label, figure in value.items()]
    return value if isinstance(value, Sequence) else [((), value)]


class _Counters(Collector):
    """The counters that are counted here."""

    def __init__(self, counters: Mapping[str, Counter], read: _ReadWhenAsked) -> None:
        self._counters = counters
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Those that nobody else keeps."""
        for name, counter in self._counters.items():
            if name not in self._read:
                yield from counter.collect()
