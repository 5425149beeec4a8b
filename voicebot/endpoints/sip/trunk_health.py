"""How the trunks are, for /health and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from voicebot.endpoints.sip.provider.qualify import Reach
from voicebot.endpoints.sip.provider.registration import Registered
from voicebot.endpoints.sip.trunk_links import Link
from voicebot.endpoints.sip.trunk_rules import TrunkRules
from voicebot.metrics.registry import Metrics


class Trunked(Protocol):
    """What has trunks."""

    trunk_rules: TrunkRules

    @property
    def links(self) -> Mapping[str, Link]:
        """Registrations and questions, by trunk."""
        ...


def trunk_trouble(links: Mapping[str, Link]) -> str | None:
    """Which trunks are not registered, do not answer or are slow; None when all is well."""
    troubles = {name: trouble for name, link in links.items() if (trouble := link.trouble) is not None}
    return "; ".join(f"{name} {trouble}" for name, trouble in troubles.items()) or None


def count_trunks(metrics: Metrics, endpoint: Trunked) -> None:
    """Let metrics be read from the endpoint."""
    rules = endpoint.trunk_rules
    metrics.read_from("voicebot_trunk_live_calls", rules.live)
    metrics.read_from("voicebot_trunk_refused_total", lambda: [(key, float(count)) for key, count in dict(rules.refused).items()])
    metrics.read_from("voicebot_trunk_registered", lambda: registered(endpoint.links))
    metrics.read_from("voicebot_trunk_up", lambda: reached(endpoint.links))
    metrics.read_from("voicebot_trunk_round_trip_seconds", lambda: round_trips(endpoint.links))


def registered(links: Mapping[str, Link]) -> dict[str, float]:
    """1 for each trunk that has our registration, 0 for each that should."""
    found = {name: link.registration for name, link in links.items()}
    return {name: float(each.state is Registered.REGISTERED) for name, each in found.items() if each is not None}


def reached(links: Mapping[str, Link]) -> dict[str, float]:
    """1 for each trunk that answers, 0 for each that does not; without those that have not been asked yet."""
    found = {name: link.qualify for name, link in links.items()}
    asked = {name: each for name, each in found.items() if each is not None and each.state is not Reach.UNKNOWN}
    return {name: float(each.state is not Reach.DOWN) for name, each in asked.items()}


def round_trips(links: Mapping[str, Link]) -> dict[str, float]:
    """Seconds, by trunk that answers."""
    found = {name: link.qualify for name, link in links.items()}
    return {name: each.round_trip_s for name, each in found.items() if each is not None and each.round_trip_s is not None}
