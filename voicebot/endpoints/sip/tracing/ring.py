"""The trace of the last calls: their SIP messages as the stack saw them, and what happened in the conversation.

It lives in this process's memory alone, bounded in calls and bytes, and holds no audio. Messages are masked before they are kept.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from voicebot.endpoints.sip.trace import SipMessage
from voicebot.endpoints.sip.tracing.facts import REFERENCE, Fact, fact_of
from voicebot.endpoints.sip.tracing.masking import identifier
from voicebot.endpoints.sip.tracing.settings import TraceSettings
from voicebot.endpoints.sip.tracing.wire import WireMessage
from voicebot.records.journal import Line

_MOST_MESSAGES = 200
_MOST_FACTS = 400
_OVERHEAD = 300  # bytes a message costs beside its text, about
_OTHERS = 100
_OTHERS_BYTES = 1 << 20


@dataclass(slots=True)
class TracedCall:
    """All that was said with one SIP Call-ID."""

    call_id: str
    """The SIP Call-ID; a number in it is shortened."""
    ref: str = ""
    """Our own id of the call; "" while there is none: refused, or a leg to a queue."""
    call_ref: str = ""
    """Of X-Call-Ref in the INVITE."""
    outgoing: bool = False
    """We began it."""
    messages: list[WireMessage] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    left_out: int = 0
    """Messages dropped from the middle of a long call."""
    size: int = 0
    """Bytes."""

    def answers_to(self, key: str) -> bool:
        """Whether it is called that: by our own id, its Call-ID or X-Call-Ref."""
        return bool(key) and identifier(key) in (self.ref, self.call_id, self.call_ref)

    @property
    def began(self) -> float:
        """Unix time."""
        firsts = [each.at for each in self.messages[:1]] + [each.at for each in self.facts[:1]]
        return min(firsts, default=0.0)


class _Shelf:
    """Calls in the order they began, bounded."""

    def __init__(self, most_calls: int, most_bytes: int) -> None:
        self._most_calls = most_calls
        self._most_bytes = most_bytes
        self._size = 0
        self.calls: OrderedDict[str, TracedCall] = OrderedDict()

    def add(self, message: WireMessage, said: SipMessage) -> None:
        call = self.calls.get(said.call_id)
        if call is None:
            call = self.calls[said.call_id] = TracedCall(identifier(said.call_id), outgoing=not said.received)
        call.call_ref = call.call_ref or message.call_ref
        if len(call.messages) >= _MOST_MESSAGES:  # the first tell how it began, the last what is wrong now
            call.left_out += 1
            self.grow(call, -_size(call.messages.pop(_MOST_MESSAGES // 2)))
        call.messages.append(message)
        self.grow(call, _size(message))

    def grow(self, call: TracedCall, size: int) -> None:
        call.size += size
        self._size += size
        while self.calls and (len(self.calls) > self._most_calls or self._size > self._most_bytes):
            _, oldest = self.calls.popitem(last=False)
            self._size -= oldest.size


def _size(message: WireMessage) -> int:
    return len(message.text) + _OVERHEAD


class Traces:
    """What `voicebot sip trace` shows. Messages come in on the stack's log thread, facts on the event loop."""

    def __init__(self, settings: TraceSettings) -> None:
        self._lock = threading.Lock()
        self._keeps = settings.calls > 0
        self._calls = _Shelf(settings.calls, settings.megabytes << 20)
        self._others = _Shelf(_OTHERS, _OTHERS_BYTES)
        """What is no call (OPTIONS, REGISTER, …): a flood of it must not push the calls out."""

    def wire(self, message: WireMessage, said: SipMessage) -> None:
        """A message that was sent or received."""
        if not self._keeps or not said.call_id:
            return
        with self._lock:
            known = said.call_id in self._calls.calls
            is_call = known or (said.method == "INVITE" and not said.status)
            (self._calls if is_call else self._others).add(message, said)

    def noted(self, ref: str, line: Line) -> None:
        """A line of a call's journal (`voicebot.records.journal.JournalSink`)."""
        if not self._keeps:
            return
        with self._lock:
            call = self._by_reference(ref, line) if line.get("kind") == REFERENCE else self._by_ref(ref)
            fact = fact_of(time.time(), line)
            if call is not None and fact is not None and len(call.facts) < _MOST_FACTS:
                call.facts.append(fact)
                self._calls.grow(call, len(fact.text) + _OVERHEAD)

    def listed(self) -> list[TracedCall]:
        """The calls, latest first; after them what was no call."""
        with self._lock:
            return [*reversed(self._calls.calls.values()), *reversed(self._others.calls.values())]

    def found(self, key: str) -> list[TracedCall]:
        """The latest call of this name (our id, Call-ID or X-Call-Ref) and the legs that belong to it; [] for none."""
        every = self.listed()
        ours = next((call for call in every if call.answers_to(key) and not call.outgoing), None)
        call = ours or next((call for call in every if call.answers_to(key)), None)
        return [] if call is None else [call, *_legs_of(call, every)]

    def _by_reference(self, ref: str, line: Line) -> TracedCall | None:
        """The call that a journal has begun for."""
        names = {str(line.get(name, "")) for name in ("sip_call_id", "call_ref")} - {""}
        for call in reversed(self._calls.calls.values()):
            if not call.outgoing and not call.ref and names & {call.call_id, call.call_ref}:
                call.ref = ref
                return call
        return None

    def _by_ref(self, ref: str) -> TracedCall | None:
        return next((call for call in reversed(self._calls.calls.values()) if call.ref == ref), None)


def _legs_of(call: TracedCall, every: Iterable[TracedCall]) -> list[TracedCall]:
    """Those that we placed for it: their INVITE carries its reference."""
    names = {call.ref, call.call_id, call.call_ref} - {""}
    legs = [other for other in every if other is not call and other.outgoing and other.call_ref in names]
    return sorted(legs, key=lambda leg: leg.began)
