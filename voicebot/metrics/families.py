"""Every metric of the service: its name, what it counts, its labels, its buckets, and what to do when it looks wrong.

Names follow https://prometheus.io/docs/practices/naming/: base units, and `_total` for what only grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

# each goes on beyond the longest that the settings allow, or that the thing can take
_RESPONSE = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0)
_DECODES = (0, 1, 2, 3, 4, 6, 8, 16, 32, 96)
_RECOGNISER = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0, 8.0)
_UNDERSTANDING = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_STEERING = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 86_400.0)
_LENGTH = (10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 3600.0, 14_400.0, 86_400.0)
_RING = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 16.0, 20.0, 25.0, 30.0, 45.0, 60.0, 120.0, 600.0)
_LOSS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_JITTER = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_MOS = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.3, 4.5)


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
    wrong: str = ""
    """What to do when it looks wrong."""
    bounds: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, without the infinite one."""
    known: tuple[str, ...] = ()
    """Values of the only label that are there from the start, at zero: a rate needs to see the first step."""


def _counter(name: str, help: str, *labels: str, wrong: str, known: tuple[str, ...] = ()) -> Family:
    return Family(name, Kind.COUNTER, help, labels, wrong, known=known)


def _gauge(name: str, help: str, *labels: str, wrong: str) -> Family:
    return Family(name, Kind.GAUGE, help, labels, wrong)


def _histogram(name: str, help: str, *labels: str, wrong: str, bounds: tuple[float, ...]) -> Family:
    return Family(name, Kind.HISTOGRAM, help, labels, wrong, bounds)


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        _gauge(
            "voicebot_build_info",
            "Always 1; what runs stands in the labels.",
            "version",
            "bundle",
            "python",
            wrong="Processes that differ were not all replaced: deploy again.",
        ),
        _gauge(
            "voicebot_part_ok",
            "1 while a part works, by part; the same as in /health. Without a part that is needed no call comes in.",
            "part",
            "needed",
            wrong="At 0: /health says why; then look for errors in the log.",
        ),
        # calls
        _gauge("voicebot_live_calls", "Calls under way in this process.", wrong="Near limits.max_calls: add a process."),
        _gauge(
            "voicebot_load_level",
            "What calls that come now get: 0 everything, 1 keys only, 2 the default queue at once, 3 a refusal.",
            wrong="Above 0: the machine is too busy for more calls; add a process or cores, or see limits.load.",
        ),
        _gauge(
            "voicebot_event_loop_lag_seconds",
            "How late the event loop is, 95th percentile of the last seconds (half of limits.load.over_s).",
            wrong="Above 0.1: sound begins to stutter; fewer calls to a process.",
        ),
        _counter(
            "voicebot_calls_total",
            "Calls that ended, by outcome.",
            "outcome",
            wrong="Many failed or rescued: look for call.rescued and call.pipeline in the log.",
        ),
        _counter(
            "voicebot_calls_lost_total",
            "Calls whose process died, or its machine; counted by the process that closed their record.",
            wrong="A process was killed or crashed, its callers went to the PBX's default queue: look at its last log lines.",
        ),
        _counter(
            "voicebot_callers_marked_total",
            "Calls of a number that is barred, or that calls too often: the agent is told, and others go before.",
            "why",
            wrong="Many too_often: a machine that calls, or a company's switchboard; then raise callers.most_calls.",
            known=("barred", "too_often"),
        ),
        _counter(
            "voicebot_calls_refused_total",
            "Calls not admitted, by reason.",
            "reason",
            wrong="process_full, shared_full: add a process, or raise limits.max_calls; draining: a process that stops; "
            "overloaded: see voicebot_load_level.",
            known=("process_full", "shared_full", "draining", "overloaded"),
        ),
        _counter(
            "voicebot_web_calls_total",
            "Offers of the bank's app, by result: answered, or why not.",
            "result",
            wrong="ticket.*: the bank's back end, or somebody tries; offer.*: an app's program; busy: add a process; "
            "too_many: a flood, or one address for many customers (raise identity.web_calls.per_address_minute).",
            known=("answered", "busy", "too_many", "unavailable"),
        ),
        _gauge(
            "voicebot_web_calls_live",
            "Calls of the app under way that this process placed.",
            wrong="Near identity.web_calls.max_calls: raise it.",
        ),
        _histogram(
            "voicebot_call_seconds",
            "Length of a call, from the answer to its end.",
            wrong="Many at limits.max_call_s: callers go in circles; look at their records.",
            bounds=_LENGTH,
        ),
        _histogram(
            "voicebot_steering_seconds",
            "From the answer (in a chat: the first message) to the hand-off.",
            wrong="Rising: callers are asked again and again; look at the decisions, and at what is not understood.",
            bounds=_STEERING,
        ),
        _histogram(
            "voicebot_response_seconds",
            "From the end of speech to the first audio of the answer.",
            wrong="Above a second: the machine is too small or too busy; look at the recogniser's seconds and at the processor.",
            bounds=_RESPONSE,
        ),
        _histogram(
            "voicebot_recogniser_seconds",
            "From the end of a turn to its words, by language.",
            "language",
            wrong="Above half a second: fewer calls to a process, a smaller model, or more cores.",
            bounds=_RECOGNISER,
        ),
        _histogram(
            "voicebot_recogniser_decodes",
            "How often a turn was decoded, at its pauses and at its end, by language; 0 with engines that hear along.",
            "language",
            wrong="A mean above 1.5: callers speak with many pauses, or a background of voices is taken for speech.",
            bounds=_DECODES,
        ),
        _counter(
            "voicebot_recogniser_failures_total",
            "Turns without words, by language and reason (busy, late, failed).",
            "language",
            "reason",
            wrong="busy, late: too many calls for this machine; failed: callers go on with keys, see audio.* in the log.",
        ),
        _histogram(
            "voicebot_understand_seconds",
            "Understanding one utterance.",
            wrong="Near limits.understand_s: the classifier, or the Rasa server, is too slow; callers are asked again.",
            bounds=_UNDERSTANDING,
        ),
        _counter(
            "voicebot_shadow_decided_total",
            "Lines that a release in the shadow decided on, beside the one in force.",
            wrong="Standing still while a shadow runs: see its page, and voicebot_shadow_dropped_total.",
        ),
        _counter(
            "voicebot_shadow_dropped_total",
            "Lines without a decision of the release in the shadow, by reason: busy, load, failed, backend, unwritten.",
            "reason",
            wrong="busy, load: the machine has no room for a shadow. failed: the release, see the log. backend: Rasa does not "
            "answer, or did not answer the caller's line. unwritten: the database.",
            known=("busy", "load", "failed", "backend", "unwritten"),
        ),
        _gauge(
            "voicebot_shadow_memory_bytes",
            "By how much the process grew when it loaded the release in the shadow; 0 without one.",
            wrong="Too much for the machine: end the shadow.",
        ),
        _histogram(
            "voicebot_shadow_understand_seconds",
            "Understanding one utterance by a release in the shadow, in a thread beside the calls.",
            wrong="Far above voicebot_understand_seconds: the machine is busy.",
            bounds=_UNDERSTANDING,
        ),
        _histogram(
            "voicebot_call_loss_ratio",
            "Share of a call's packets that never reached us, at its end.",
            wrong="Above 0.02 speech is not understood: a matter of the network.",
            bounds=_LOSS,
        ),
        _histogram(
            "voicebot_call_jitter_seconds",
            "Jitter of a call's packets as they reached us, at its end.",
            wrong="Above 0.05: a matter of the network.",
            bounds=_JITTER,
        ),
        _histogram(
            "voicebot_call_mos",
            "Estimated quality of a call's sound (mean opinion score, 1 to 4.5), at its end.",
            wrong="Below 3.5: look at loss and jitter.",
            bounds=_MOS,
        ),
        # endpoints
        _gauge(
            "voicebot_endpoint_live_calls",
            "Calls that are not over for an endpoint.",
            "endpoint",
            wrong="Higher than voicebot_live_calls for minutes: legs do not end; replace the process.",
        ),
        _gauge(
            "voicebot_asterisk_queue_callers",
            "Callers who wait in a queue of Asterisk (asterisk.ami).",
            "queue",
            wrong="None at all: the manager interface is away, and callers hear no waiting times.",
        ),
        _gauge(
            "voicebot_asterisk_queue_free_agents",
            "Agents of a queue of Asterisk who are logged in and not in a call.",
            "queue",
            wrong="0 for long: callers wait; add agents, or set a switch.",
        ),
        _counter(
            "voicebot_endpoint_refused_total",
            "Calls that an endpoint refused before they became a call.",
            "endpoint",
            wrong="Look for 'sip call refused' in the log: it says why.",
        ),
        _counter(
            "voicebot_endpoint_malformed_total",
            "Offers that broke while an endpoint read them.",
            "endpoint",
            wrong="A trunk that sends what is no SIP, or an attack: see where it comes from in the log at level debug.",
        ),
        _gauge(
            "voicebot_trunk_live_calls",
            "Calls of a trunk under way in this process.",
            "trunk",
            wrong="Near the trunk's max_calls: raise it, or find who calls so much.",
        ),
        _counter(
            "voicebot_trunk_refused_total",
            "Calls of a trunk that its own rules refused, by why (the setting's name).",
            "trunk",
            "why",
            wrong="max_calls, calls_per_second: the trunk's limits; digest: a wrong password, or somebody tries; "
            "line, transport, codecs, srtp: the trunk and its settings here do not fit.",
        ),
        _gauge(
            "voicebot_trunk_registered",
            "1 while a trunk that we register at has our registration.",
            "trunk",
            wrong="At 0 no call of it comes in: /health says why.",
        ),
        _gauge(
            "voicebot_trunk_up",
            "1 while a trunk that is asked (qualify_s) answers, 0 while it does not.",
            "trunk",
            wrong="At 0: the trunk or the network between; /health says what was seen.",
        ),
        _gauge(
            "voicebot_trunk_round_trip_seconds",
            "How long a trunk took to answer the latest OPTIONS.",
            "trunk",
            wrong="Above its qualify_slow_ms: the network between, or the trunk is busy.",
        ),
        _counter(
            "voicebot_strangers_turned_away_total",
            "Packets from outside the allow-list that were dropped.",
            "endpoint",
            wrong="A few are usual on an open network; many, or calls that do not come in: compare sip.peers with the trunk.",
        ),
        _counter(
            "voicebot_media_turned_away_total",
            "Datagrams of media that came from somebody else than the far end, and were dropped.",
            "endpoint",
            wrong="If callers are not heard, name their media's networks in its trunk's media_peers; else it is an attack.",
        ),
        _counter(
            "voicebot_hep_lost_total",
            "Copies of SIP messages that could not be sent to the HEP collector.",
            wrong="Homer misses them, no call does: see that sip.hep.address can be reached, and that somebody listens there.",
        ),
        # conversations
        _counter(
            "voicebot_decisions_total",
            "Decisions of the dialogue, by kind.",
            "kind",
            wrong="A kind that grows out of proportion after a change of the bundle: try the bundle with voicebot test.",
        ),
        _counter(
            "voicebot_errors_total",
            "Errors in conversations, by code.",
            "code",
            wrong="Look for the code in the log.",
        ),
        _counter(
            "voicebot_handoffs_total",
            "Hand-offs, by queue and result.",
            "queue",
            "ok",
            wrong='Many with ok="false": the queue does not answer; check handoff.address and the switchboard.',
        ),
        _counter(
            "voicebot_dials_total",
            "Calls placed to queues (handoff.way), by queue and result; passed_back counts beside answered.",
            "queue",
            "result",
            wrong="refused, timeout: the queue; unreachable: its host is none of sip.peers, or the address is wrong.",
        ),
        _histogram(
            "voicebot_ring_seconds",
            "How long a queue that we called rang, whatever came of it.",
            wrong="Near handoff.ring_s: nobody is free, or the queue does not answer.",
            bounds=_RING,
        ),
        _gauge(
            "voicebot_bridged_calls",
            "Callers who are with an agent through this process; each holds the place of a call.",
            wrong="Near limits.max_calls: add a process, or let the trunk take REFER.",
        ),
        _histogram(
            "voicebot_bridge_seconds",
            "How long a caller and an agent were joined.",
            wrong="Many of a few seconds: calls end when they are joined; look for the bridge's end in the journals.",
            bounds=_LENGTH,
        ),
        _counter(
            "voicebot_survey_answers_total",
            "Answers to the survey, by answer and line.",
            "answer",
            "line",
            wrong="Many not_helped: look by matter at /api/survey, and at the records of these calls.",
        ),
        _counter(
            "voicebot_messages_total",
            "Messages in writing that were taken, by urgency and queue.",
            "urgency",
            "queue",
            wrong="Most in the default queue: mails that the classifier does not know; look at some on the desk.",
        ),
        _counter(
            "voicebot_callbacks_total",
            "Callbacks promised, taken, done, given_up, served…, by queue.",
            "what",
            "queue",
            wrong="given_up: customers who were promised a call did not get one; the log names them by reference.",
        ),
        _gauge(
            "voicebot_callbacks_waiting",
            "Callbacks promised and not made yet, by queue (all processes).",
            "queue",
            wrong="Rising all day: the dialler does not run, or too few agents call back.",
        ),
        # chats
        _gauge("voicebot_live_chats", "Chats under way in this process.", wrong="Near web.chat.max_chats: raise it."),
        _counter("voicebot_chats_total", "Chats that ended, by outcome.", "outcome", wrong="Many gone: the page, or a proxy."),
        _counter(
            "voicebot_chats_refused_total",
            "Chats refused, by reason.",
            "reason",
            wrong="full: raise web.chat.max_chats; draining: a process that stops.",
            known=("draining", "full"),
        ),
        _histogram(
            "voicebot_chat_seconds",
            "Length of a chat.",
            wrong="Many at web.chat.max_chat_s: customers go in circles; look at their records.",
            bounds=_LENGTH,
        ),
        _gauge(
            "voicebot_chats_waiting",
            "Chats that wait for an agent, by queue (all processes).",
            "queue",
            wrong="Rising: too few agents take chats, or a desk says that it is there and takes none.",
        ),
        _histogram(
            "voicebot_chat_wait_seconds",
            "From the hand-off of a chat to the agent who took it.",
            wrong="Near web.chat.agent_wait_s: more agents are needed, or customers are told that nobody came.",
            bounds=_STEERING,
        ),
        _gauge(
            "voicebot_chat_agents", "Agents' connections to chats in this process.", wrong="At 0 all day: no desk is connected."
        ),
        _counter(
            "voicebot_chat_talks_total",
            "Chats that were handed over and ended, by how, and whether an agent was there.",
            "how",
            "talked",
            wrong="unanswered, nobody: customers waited in vain; failed: look at the state server, and for chat.* in the log.",
        ),
        _counter(
            "voicebot_chat_given_back_total",
            "Chats that went back to a queue, by why.",
            "why",
            wrong="Many by connection: the desk's connections break; look at the proxy between.",
            known=("connection", "agent", "transfer"),
        ),
        _counter(
            "voicebot_http_refused_total",
            "Connections and requests refused by the web process, by reason.",
            "reason",
            wrong="A client that asks too much, or an attack; were they customers, raise web.limits, or name your web.proxies.",
        ),
        _gauge(
            "voicebot_http_connections",
            "Connections open to the web process.",
            wrong="Near web.limits.max_connections: raise it, or find who keeps them open.",
        ),
        # who calls
        _counter(
            "voicebot_app_proofs_total",
            "Requests to customers' apps, by what came of them.",
            "outcome",
            wrong="unavailable: the provider does not answer, or is not to be believed; the log says which. Many refused or "
            "limit: somebody calls from customers' numbers.",
            known=("confirmed", "refused", "expired", "no_app", "other_customer", "unavailable", "limit", "busy"),
        ),
        _counter(
            "voicebot_advisor_proofs_total",
            "Calls of advisors that were shown to customers, and questions about them.",
            "what",
            wrong="Many asked_no: customers are being called in the bank's name.",
            known=("shown", "asked_yes", "asked_no"),
        ),
        _counter(
            "voicebot_tickets_total",
            "Tickets of the bank's app: issued, spent by a call, not issued (not_issued), or refused, by reason.",
            "outcome",
            wrong="Many expired: ask for the ticket when the customer taps Call. Replayed, altered or code: somebody tries.",
            known=("issued", "spent", "not_issued"),
        ),
        _gauge(
            "voicebot_audit_waiting_bytes",
            "What of the audit trail is not in the database yet.",
            wrong="Rising: the database is away; lines wait in data_dir/spool/audit and are written when it is back.",
        ),
        _counter(
            "voicebot_audit_lost_total",
            "Lines of the audit trail that neither the database nor the disk took.",
            wrong="Look for audit.lost in the log: the disk is full, or not writable.",
        ),
        # what is kept
        _gauge(
            "voicebot_state_available",
            "1 while the state server answers.",
            wrong="At 0 calls go on, but nothing is shared between processes: start the server, check state.redis_url.",
        ),
        _gauge(
            "voicebot_state_pending_writes",
            "State writes that wait for the server.",
            wrong="Rising: the state server is away or too slow.",
        ),
        _gauge(
            "voicebot_records_waiting",
            "Call records not in the database yet.",
            wrong="Rising: the database is away; records wait in data_dir/spool and are written when it is back.",
        ),
        _counter(
            "voicebot_records_rejected_total",
            "Call records that the database refused; they are kept aside on disk.",
            wrong="Look for records.rejected in the log, and at the files in data_dir/spool/rejected.",
        ),
        _counter(
            "voicebot_webhook_given_up_total",
            "Webhook messages given up since the start.",
            wrong="The bank's receiver was not told of hand-offs: look for handoff.webhook in the log, and at the receiver.",
        ),
        _gauge(
            "voicebot_webhook_kept",
            "Webhook messages kept on disk, because the receiver did not take them.",
            wrong="The bank's receiver is away or fails: they are tried again every half a minute, for three days.",
        ),
        _gauge(
            "voicebot_data_free_bytes",
            "Free space where data_dir is.",
            wrong="When it is full, recordings end early and records wait in memory: make room, or lower records.keep_days.",
        ),
        _gauge("voicebot_data_size_bytes", "Size of the disk where data_dir is.", wrong="It should not change."),
    )
}

STANDARD: Mapping[str, str] = {
    "process_cpu_seconds_total": "Processor time of the process.",
    "process_max_fds": "Files that the process may have open.",
    "process_open_fds": "Files that it has open.",
    "process_resident_memory_bytes": "Memory of the process.",
    "process_start_time_seconds": "When it started (seconds since 1970).",
    "process_virtual_memory_bytes": "Address space of the process.",
}
"""Metrics that every Prometheus client has."""
