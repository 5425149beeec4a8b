"""The metrics of several processes as one text, each sample labelled with the process it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

PROCESS = "process"
"""The label that a sample gets. One that has it keeps it: its process merged those of others."""


def merged(texts: Mapping[str, str]) -> str:
    """One valid text (version 0.0.4) out of several, by the name of their process: each family stands once.

    Raises ValueError when a text is none, or two do not agree on what a metric is.
    """
    families: dict[str, Metric] = {}
    for process, text in texts.items():
        for found in _families(process, text):
            family = families.setdefault(found.name, Metric(found.name, found.documentation, found.type))
            if family.type != found.type:
                raise ValueError(f"{found.name} is a {found.type} in the metrics of {process}, and a {family.type} before")
            _add(family, found, process)
    return generate_latest(_Read(families.values())).decode()


def _families(process: str, text: str) -> Iterator[Metric]:
    try:
        yield from text_string_to_metric_families(text)
    except (ValueError, IndexError, KeyError) as error:
        raise ValueError(f"the metrics of {process} cannot be read: {error}") from None


def _add(family: Metric, found: Metric, process: str) -> None:
    for sample in found.samples:
        family.samples.append(sample._replace(labels={PROCESS: process, **sample.labels}))


class _Read(Collector):
    """Families that were read, for the library's writer."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._families
