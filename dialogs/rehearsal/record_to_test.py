"""A recorded call made into a conversation test: what went wrong once is checked for ever. Numbers become invented ones."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from ruamel.yaml import YAML

from dialogs.data.bundle import Bundle
from dialogs.events import (
    CallStarted,
    CodeResult,
    CodeTyped,
    CollectKeys,
    Failed,
    HandOff,
    HangUp,
    Heard,
    HungUp,
    Interrupted,
    KeyPressed,
    Say,
    Silence,
)
from dialogs.rehearsal.meanings import write_meaning
from dialogs.rehearsal.rehearsal import Exchange

INVENTED_NUMBER = "+48600100200"
INVENTED_KEYS = "501502503"


def to_test(bundle: Bundle, exchanges: Sequence[Exchange], name: str) -> str:
    """The call as a YAML test file of one test that expects what happened. Raises ValueError for a record without its start."""
    started = next((exchange for exchange in exchanges if isinstance(exchange.event, CallStarted)), None)
    if started is None or not isinstance(started.event, CallStarted):
        raise ValueError("the record does not begin with the start of a call")
    spec: dict[str, Any] = {"name": name, "caller": _caller(started.event), "line": started.event.line}
    if started.event.language:
        spec["language"] = started.event.language
    if started.event.channel != "voice":
        spec["channel"] = started.event.channel
    spec["at"] = bundle.calendar.local(started.at).strftime("%Y-%m-%dT%H:%M:%S")
    spec["given"] = _given(started.event, exchanges)
    spec["turns"] = _turns(exchanges)
    spec["expect"] = _expected(exchanges)
    out = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 130
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump({"tests": [{key: value for key, value in spec.items() if value not in ({}, [])}]}, out)
    return out.getvalue()


def _caller(event: CallStarted) -> dict[str, Any]:
    caller = event.caller
    number = INVENTED_NUMBER if caller.number else None
    facts: dict[str, Any] = {"number": number, "trust": caller.trust.value, "segment": caller.segment.value}
    optional = {
        "withheld": caller.withheld,
        "language": caller.language,
        "tenure_years": caller.tenure_years,
        "customer_ref": "customer" if caller.customer_ref else None,
    }
    if caller.authentication.value != "none":
        facts["authentication"] = caller.authentication.value
    return facts | {key: value for key, value in optional.items() if value}


def _given(event: CallStarted, exchanges: Sequence[Exchange]) -> dict[str, Any]:
    switches = event.conditions.switches
    given: dict[str, Any] = {
        "waits": dict(event.conditions.waits),
        "surge": any(switch.name == "surge" for switch in switches),
        "closed": [switch.queue for switch in switches if switch.name == "closure"],
        "without": list(event.without),
        "last_queue": event.last_queue,
        "preferences": list(event.preferences),
        "recorded": event.recorded,
        "code": event.code,
        "refuse": _refused(exchanges),
    }
    return {key: value for key, value in given.items() if value}


def _refused(exchanges: Sequence[Exchange]) -> list[str]:
    return sorted({e.event.queue for e in exchanges if getattr(e.event, "ok", None) is False})  # type: ignore[union-attr]


def _turns(exchanges: Sequence[Exchange]) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    interrupted = collecting = False
    for exchange in exchanges:
        event = exchange.event
        match event:
            case Interrupted():
                interrupted = True
            case Heard() if event.final:
                turn: dict[str, Any] = {"interrupt" if interrupted else "say": event.text}
                if event.understanding is not None:
                    turn["means"] = write_meaning(event.understanding)
                turns.append(turn)
                interrupted = False
            case KeyPressed():
                interrupted = False
                if not collecting:
                    turns.append({"key": event.key})
                elif turns[-1:] != [{"keys": INVENTED_KEYS}]:
                    turns.append({"keys": INVENTED_KEYS})
            case CodeTyped(whole=False):
                turns.append({"code": "too_short"})
            case CodeResult():
                turns.append({"code": _code(event)})
            case Silence():
                turns.append({"silence": round(event.seconds, 1)})
            case Failed():
                turns.append({"fails": event.stage})
            case HungUp():
                turns.append({"hang_up": True})
            case _:
                pass
        if any(isinstance(action, CollectKeys | Say) for action in exchange.actions):
            collecting = any(isinstance(action, CollectKeys) for action in exchange.actions)
    return turns


def _code(event: CodeResult) -> str:
    if event.caller is not None:
        return "right"
    return event.reason if event.reason in ("tries", "unavailable") else "wrong"


def _expected(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    actions = [action for exchange in exchanges for action in exchange.actions]
    handed = next((action for action in reversed(actions) if isinstance(action, HandOff)), None)
    expected: dict[str, Any] = {"hand_off": False}
    if handed is not None:
        expected = {"queue": handed.queue, "priority": handed.priority, "kind": handed.kind, "language": handed.language}
        expected |= {key: value for key, value in (("intent", handed.intent), ("second", handed.second)) if value}
    ends = next((action.reason for action in actions if isinstance(action, HangUp)), None)
    if ends:
        expected["ends"] = ends
    expected["says"] = [prompt.id for action in actions if isinstance(action, Say) for prompt in action.prompts]
    return expected
