"""A traced call as JSON and back: the service tells it, the command line draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from voicebot.endpoints.sip.tracing.facts import Fact
from voicebot.endpoints.sip.tracing.ring import TracedCall
from voicebot.endpoints.sip.tracing.wire import WireMessage
from voicebot.redaction import LOGS


def summary(call: TracedCall) -> dict[str, Any]:
    """A line of the list."""
    first = call.messages[0] if call.messages else None
    last = call.facts[-1].text if call.facts else call.messages[-1].label if call.messages else ""
    return {
        "began": call.began,
        "ref": call.ref,
        "call_id": LOGS.identifier(call.call_id),
        "call_ref": LOGS.identifier(call.call_ref),
        "outgoing": call.outgoing,
        "first": first.label if first else "",
        "far": ":".join(map(str, first.far)) if first else "",
        "messages": len(call.messages) + call.left_out,
        "last": LOGS.text(last),
    }


def as_json(calls: Sequence[TracedCall]) -> dict[str, Any]:
    """A call and its legs, redacted once more."""
    return {
        "calls": [
            {
                "call_id": LOGS.identifier(call.call_id),
                "ref": call.ref,
                "call_ref": LOGS.identifier(call.call_ref),
                "outgoing": call.outgoing,
                "left_out": call.left_out,
                "messages": [{**asdict(each), "text": LOGS.text(each.text)} for each in tuple(call.messages)],
                "facts": [{"at": each.at, "text": LOGS.text(each.text)} for each in tuple(call.facts)],
            }
            for call in calls
        ]
    }


def from_json(told: Mapping[str, Any]) -> list[TracedCall]:
    """What `as_json` made."""
    return [
        TracedCall(
            call["call_id"],
            ref=call["ref"],
            call_ref=call["call_ref"],
            outgoing=call["outgoing"],
            left_out=call["left_out"],
            messages=[
                WireMessage(
                    each["at"],
                    each["received"],
                    each["transport"],
                    (each["source"][0], each["source"][1]),
                    (each["target"][0], each["target"][1]),
                    each["text"],
                )
                for each in call["messages"]
            ],
            facts=[Fact(each["at"], each["text"]) for each in call["facts"]],
        )
        for call in told["calls"]
    ]
