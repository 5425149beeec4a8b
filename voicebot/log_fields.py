"""Every field that a log line may have: its type, and whether a machine or a person made what stands in it.

A field has one type for good, so that whatever collects the logs can index it. A field that is not listed here is not written.
`python -m voicebot.log_fields` writes docs/logs.md, with `--schema` it prints the JSON Schema of a line.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Any, assert_never

from voicebot.error_text import error_text
from voicebot.redaction import JsonValue, Redaction

PAGE = Path("docs/logs.md")


class FieldType(StrEnum):
    """What stands in a field; any field may also be null."""

    TEXT = "text"
    """Redacted: it may come from a person, or from far away."""
    NAME = "name"
    """A name or an id that a machine made: without spaces, and kept as it is."""
    NAMES = "names"
    COUNT = "count"
    """A whole number."""
    NUMBER = "number"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class LogField:
    """One field."""

    type: FieldType
    meaning: str


FIELDS: Mapping[str, LogField] = {
    # written by the chain itself
    "timestamp": LogField(FieldType.NAME, "When, in UTC (ISO 8601)."),
    "level": LogField(FieldType.NAME, "debug, info, warning, error or critical."),
    "logger": LogField(FieldType.NAME, "The part of the program that writes."),
    "event": LogField(FieldType.TEXT, "What happened."),
    "exception": LogField(FieldType.TEXT, "Where in the program an error came from."),
    "stack": LogField(FieldType.TEXT, "Where in the program the line was written."),
    # which one
    "call_id": LogField(FieldType.NAME, "The conversation, as in its record."),
    "call_ref": LogField(FieldType.NAME, "The call as the telephone network names it (SIP Call-ID)."),
    "ref": LogField(FieldType.NAME, "The hand-off or callback."),
    "id": LogField(FieldType.NAME, "A webhook message."),
    "ids": LogField(FieldType.NAMES, "Webhook messages."),
    "head": LogField(FieldType.NAME, "The audit trail's last line and its hash, for `voicebot audit verify --head`."),
    "file": LogField(FieldType.NAME, "A file."),
    "folder": LogField(FieldType.NAME, "A folder."),
    "secret_name": LogField(FieldType.NAME, "Which of the service's own secrets; never the secret."),
    "version": LogField(FieldType.NAME, "Of the tables."),
    "before": LogField(FieldType.NAME, "The version that there was."),
    "name": LogField(FieldType.NAME, "A record (its file, or its conversation), or a token of the API."),
    "index": LogField(FieldType.NAME, "An index of the records' tables."),
    "queue": LogField(FieldType.NAME, "A queue of the bundle."),
    "language": LogField(FieldType.NAME, "Two letters."),
    "bundle": LogField(FieldType.NAME, "The version of a bundle."),
    "switch": LogField(FieldType.NAME, "A switch of the live conditions."),
    # what about it
    "code": LogField(FieldType.NAME, "The kind of error, <stage>.<what>; the same in records and metrics."),
    "stage": LogField(FieldType.NAME, "The stage of a conversation that failed."),
    "action": LogField(FieldType.NAME, "What the dialogue asked for."),
    "fact": LogField(FieldType.NAME, "What the telephone leg told."),
    "outcome": LogField(FieldType.NAME, "How a conversation ended."),
    "what": LogField(FieldType.NAME, "Which part of the service."),
    "worker": LogField(FieldType.NAME, "Which of the service's processes, where there are several: calls-1, web, console."),
    "reason": LogField(FieldType.TEXT, "Why a transfer failed."),
    "by": LogField(FieldType.NAME, "Which side ended joined calls: near, far, or a reason of ours."),
    "cause": LogField(FieldType.NAME, "The cause of a leg's end."),
    "why": LogField(FieldType.TEXT, "The reason, in words."),
    "who": LogField(FieldType.TEXT, "The operator who set a switch or moved calls to a release."),
    "release": LogField(FieldType.NAME, "A release of bundle and training data; nothing for the configuration's own."),
    "proposal": LogField(FieldType.COUNT, "The number of a proposal for a release."),
    "passed": LogField(FieldType.FLAG, "Whether the checks of a proposal passed."),
    "seq": LogField(FieldType.COUNT, "The number of an order about releases."),
    "problem": LogField(FieldType.TEXT, "What the receiver of a webhook answered."),
    "error": LogField(FieldType.TEXT, "An error's type, and its message where that cannot hold what a person said."),
    "exit": LogField(FieldType.TEXT, "The exit code of a process, or why it could not be started."),
    "needs_restart": LogField(FieldType.TEXT, "Settings that were changed and are not in force yet."),
    "load": LogField(FieldType.NAME, "What calls that come now get: normal, keys_only, queue or refuse."),
    "on": LogField(FieldType.FLAG, "Whether a switch is on."),
    # how many
    "status": LogField(FieldType.COUNT, "A SIP status."),
    "priority": LogField(FieldType.COUNT, "Of a hand-off."),
    "count": LogField(FieldType.COUNT, "How many, so far or this time, as the event says."),
    "done": LogField(FieldType.COUNT, "How many of a long piece of work are done."),
    "of": LogField(FieldType.COUNT, "How many there are in all."),
    "waiting": LogField(FieldType.COUNT, "Records that wait to be written."),
    "pending": LogField(FieldType.COUNT, "State writes that wait for the server."),
    "octets": LogField(FieldType.COUNT, "Memory or data, in octets."),
    "calls": LogField(FieldType.COUNT, "Calls."),
    "lag_ms": LogField(FieldType.COUNT, "How late the event loop is, in milliseconds (95th percentile)."),
    "seconds": LogField(FieldType.NUMBER, "How long it lasted."),
    "pause_s": LogField(FieldType.NUMBER, "Seconds until the next try."),
    "files_without_call": LogField(FieldType.COUNT, "Recordings and call files that no record named."),
    "numbers": LogField(FieldType.COUNT, "Customers' numbers."),
    "refused": LogField(FieldType.COUNT, "Rows that could not be imported."),
    "resumed_after": LogField(FieldType.COUNT, "The line behind which an import that was interrupted went on; 0: it read all."),
    "shared": LogField(FieldType.COUNT, "Numbers of more than one customer."),
    "state": LogField(FieldType.NAME, "What systemd was to be told."),
    "keep_days": LogField(FieldType.COUNT, "For how long records are kept."),
}

_NAME = re.compile(r"[!-~]{1,255}")


def written(name: str, value: object, redaction: Redaction) -> JsonValue:
    """The value as it stands in the line: of the field's type, or null. Never raises. KeyError for an unknown field."""
    kind = FIELDS[name].type
    if value is None:
        return None
    match kind:
        case FieldType.TEXT:
            return _text(value, redaction)
        case FieldType.NAME:
            return _name(value, redaction)
        case FieldType.NAMES:
            return [_name(each, redaction) for each in value] if isinstance(value, list | tuple) else None
        case FieldType.COUNT:
            return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) else None
        case FieldType.NUMBER:
            return value if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) else None
        case FieldType.FLAG:
            return value if isinstance(value, bool) else None
        case _:
            assert_never(kind)


def _text(value: object, redaction: Redaction) -> str:
    if isinstance(value, BaseException):
        return redaction.text(error_text(value))
    plain = redaction.value(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _name(value: object, redaction: Redaction) -> str:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return redaction.identifier(value)
    return _text(value, redaction)


_JSON_TYPES: Mapping[FieldType, dict[str, Any]] = {
    FieldType.TEXT: {"type": ["string", "null"]},
    FieldType.NAME: {"type": ["string", "null"]},
    FieldType.NAMES: {"type": ["array", "null"], "items": {"type": "string"}},
    FieldType.COUNT: {"type": ["integer", "null"]},
    FieldType.NUMBER: {"type": ["number", "null"]},
    FieldType.FLAG: {"type": ["boolean", "null"]},
}


def schema() -> dict[str, Any]:
    """The JSON Schema of one line."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of voicebot's log",
        "type": "object",
        "properties": {name: {**_JSON_TYPES[each.type], "description": each.meaning} for name, each in FIELDS.items()},
        "required": ["timestamp", "level", "event"],
        "additionalProperties": False,
    }


_INTRODUCTION = """# Logs

<!-- written by `python -m voicebot.log_fields`; edit voicebot/log_fields.py -->

With `log.format: json` every line is one JSON object. A field has one type for good, any field may be null, and there are no
others than these. `python -m voicebot.log_fields --schema` prints the same as a JSON Schema.

Nothing personal stands in a line: a PESEL, card or account number, code or PIN becomes a mark such as `<card>`, also where it is
escaped (JSON, percent-encoding, Python's repr, base64). Telephone numbers keep their country and last three digits; at level
debug they are whole. What a person said is never written.

Libraries write from level warning on, at every `log.level`: what they write below are the messages that pass through them. The
SIP messages themselves are shown at level debug, without keys, passwords and media keys.

| type | what it is |
|---|---|
| text | words, redacted |
| name | a name or an id that a machine made |
| names | a list of them |
| count | a whole number |
| number | a number |
| flag | true or false |

| field | type | meaning |
|---|---|---|
"""


def page() -> str:
    """docs/logs.md."""
    return _INTRODUCTION + "".join(f"| `{name}` | {each.type} | {each.meaning} |\n" for name, each in FIELDS.items())


if __name__ == "__main__":
    if "--schema" in sys.argv[1:]:
        print(json.dumps(schema(), indent=2))
    else:
        PAGE.write_text(page(), encoding="utf-8")
