"""Every metric of the service: its name, what it counts, its labels and the bounds of its buckets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_RESPONSE = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0)
_UNDERSTANDING = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
_STEERING = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0)


class Kind(StrEnum):
    """How a metric behaves (Prometheus' own kinds)."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, without the infinite one."""


def _counter(name: str, help: str, *labels: str) -> Family:
    return Family(name, Kind.COUNTER, help, labels)


def _gauge(name: str, help: str, *labels: str) -> Family:
    return Family(name, Kind.GAUGE, help, labels)


FAMILIES = {
    family.name: family
    for family in (
        _counter("voicebot_calls_total", "Calls that ended, by outcome.", "outcome"),
        _counter("voicebot_calls_refused_total", "Calls not admitted, by reason.", "reason"),
        _counter("voicebot_endpoint_refused_total", "Calls that an endpoint refused before they became a call.", "endpoint"),
        _counter("voicebot_endpoint_malformed_total", "Offers that broke while an endpoint read them.", "endpoint"),
        _gauge("voicebot_endpoint_live_calls", "Calls that are not over for an endpoint.", "endpoint"),
        _counter("voicebot_strangers_turned_away_total", "Packets from outside the allow-list that were dropped.", "endpoint"),
        _counter("voicebot_handoffs_total", "Hand-offs, by queue and result.", "queue", "ok"),
        _counter("voicebot_callbacks_total", "Callbacks promised, taken, done, given_up, served…, by queue.", "what", "queue"),
        _gauge("voicebot_callbacks_waiting", "Callbacks promised and not made yet, by queue (all processes).", "queue"),
        _counter("voicebot_chats_total", "Chats that ended, by outcome.", "outcome"),
        _counter("voicebot_chats_refused_total", "Chats refused, by reason.", "reason"),
        _counter("voicebot_http_refused_total", "Connections and requests refused by the web process, by reason.", "reason"),
        _gauge("voicebot_http_connections", "Connections open to the web process."),
        _counter("voicebot_survey_answers_total", "Answers to the survey, by answer and line.", "answer", "line"),
        _counter("voicebot_decisions_total", "Decisions of the dialogue, by kind.", "kind"),
        _counter("voicebot_errors_total", "Errors, by code.", "code"),
        Family("voicebot_response_seconds", Kind.HISTOGRAM, "End of speech to the first audio of the answer.", bounds=_RESPONSE),
        Family("voicebot_understand_seconds", Kind.HISTOGRAM, "Understanding one utterance.", bounds=_UNDERSTANDING),
        Family("voicebot_steering_seconds", Kind.HISTOGRAM, "Answer to hand-off.", bounds=_STEERING),
        Family(
            "voicebot_call_loss_ratio",
            Kind.HISTOGRAM,
            "Share of a call's packets that never reached us, at its end.",
            bounds=(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
        ),
        Family(
            "voicebot_call_jitter_seconds",
            Kind.HISTOGRAM,
            "Jitter of a call's packets as they reached us, at its end.",
            bounds=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
        ),
        Family(
            "voicebot_call_mos",
            Kind.HISTOGRAM,
            "Estimated quality of a call's sound (mean opinion score, 1 to 4.5), at its end.",
            bounds=(1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.3),
        ),
        _gauge("voicebot_live_chats", "Chats under way in this process."),
        _gauge("voicebot_live_calls", "Calls under way in this process."),
        _gauge("voicebot_state_available", "1 while the state server answers."),
        _gauge("voicebot_state_pending_writes", "State writes that wait for the server."),
        _gauge("voicebot_records_waiting", "Call records not in the database yet."),
        _counter("voicebot_records_rejected_total", "Call records that the database refused; they are kept aside on disk."),
        _counter("voicebot_webhook_given_up_total", "Webhook messages given up since the start."),
    )
}
