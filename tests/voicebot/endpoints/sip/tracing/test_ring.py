"""The ring is bounded, and what is no call does not push calls out."""

from __future__ import annotations

from voicebot.endpoints.sip.trace import SipMessage
from voicebot.endpoints.sip.tracing.ladder import as_text, ladder_of
from voicebot.endpoints.sip.tracing.pcap import as_pcap
from voicebot.endpoints.sip.tracing.ring import Traces
from voicebot.endpoints.sip.tracing.settings import TraceSettings
from voicebot.endpoints.sip.tracing.wire import WireMessage

BOT, FAR, QUEUE = ("192.0.2.1", 5060), ("192.0.2.9", 5060), ("192.0.2.70", 5060)


def told(
    traces: Traces, call_id: str, *, method: str = "INVITE", received: bool = True, at: float = 1.0, more: str = "", size: int = 0
) -> None:
    source, target = (FAR, BOT) if received else (BOT, QUEUE)
    text = f"{method} sip:802@x SIP/2.0\nCall-ID: {call_id}\nCSeq: 1 {method}\n{more}{'x' * size}"
    said = SipMessage(received, source[0], call_id, method)
    traces.wire(WireMessage(at, received, "UDP", source, target, text), said)


def test_the_oldest_calls_go_first() -> None:
    traces = Traces(TraceSettings(calls=3))
    for number in range(5):
        told(traces, f"call-{number}")
    assert [call.call_id for call in traces.listed()] == ["call-4", "call-3", "call-2"]


def test_bytes_are_bounded_too() -> None:
    traces = Traces(TraceSettings(calls=1000, megabytes=1))
    for number in range(40):
        told(traces, f"call-{number}", size=100_000)
    kept = traces.listed()
    assert 5 <= len(kept) <= 10
    assert sum(call.size for call in kept) <= 1 << 20


def test_a_flood_of_options_pushes_no_call_out() -> None:
    traces = Traces(TraceSettings(calls=3))
    told(traces, "the-call")
    for number in range(500):
        told(traces, f"ping-{number}", method="OPTIONS")
    assert traces.found("the-call")
    assert len(traces.listed()) <= 200


def test_a_long_call_keeps_its_beginning_and_its_end() -> None:
    traces = Traces(TraceSettings())
    told(traces, "long")
    for number in range(1000):
        told(traces, "long", method="INFO", at=2.0 + number)
    (call,) = traces.found("long")
    assert call.messages[0].text.startswith("INVITE")
    assert call.messages[-1].at == 1001.0
    assert len(call.messages) + call.left_out == 1001


def test_nothing_is_kept_where_none_is_wanted() -> None:
    traces = Traces(TraceSettings(calls=0))
    told(traces, "call")
    traces.noted("ours", {"kind": "offered", "call_ref": "call"})
    assert traces.listed() == []


def test_a_leg_to_a_queue_is_shown_with_the_call_it_belongs_to() -> None:
    traces = Traces(TraceSettings())
    told(traces, "callers", more="X-Call-Ref: pbx-1\n")
    traces.noted("ours", {"kind": "offered", "call_ref": "pbx-1"})
    told(traces, "to-queue", received=False, at=2.0, more="X-Call-Ref: pbx-1\n")
    told(traces, "another", at=3.0)
    assert [call.call_id for call in traces.found("ours")] == ["callers", "to-queue"]
    drawn = as_text(ladder_of(traces.found("pbx-1")))
    assert "192.0.2.9:5060" in drawn
    assert "192.0.2.70:5060" in drawn


def test_which_key_was_pressed_is_nowhere() -> None:
    traces = Traces(TraceSettings())
    told(traces, "callers")
    traces.noted("ours", {"kind": "offered", "call_ref": "callers"})
    traces.noted("ours", {"type": "KeyPressed", "key": "7"})
    traces.noted("ours", {"type": "Decided", "kind": "accept", "why": "key 7"})
    (call,) = traces.found("ours")
    assert [fact.text for fact in call.facts] == ["answered", "key pressed", "decided: accept (key •)"]


def test_addresses_of_both_families_make_packets() -> None:
    six = ("2001:db8::1", 5060)
    file = as_pcap([WireMessage(1.5, True, "TLS", six, ("192.0.2.1", 5061), "OPTIONS sip:x SIP/2.0\n\n")])
    assert file[24 + 16 + 12 : 24 + 16 + 14] == b"\x86\xdd"


def test_a_call_id_made_of_a_number_is_found_and_shows_no_number() -> None:
    traces = Traces(TraceSettings())
    told(traces, "+48600100200-77@pbx")
    traces.noted("ours", {"kind": "offered", "call_ref": "+48…200-77@pbx"})
    (call,) = traces.found("+48600100200-77@pbx")
    assert (call.call_id, call.ref) == ("+48…200-77@pbx", "ours")
