"""A call's JSON record read back as what happened and what was done, for replay."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import get_args

from dialogs import wire
from dialogs.events import Event
from dialogs.rehearsal.rehearsal import Exchange
from voicebot.errors import RecordsError
from voicebot.records.summary import CallRecord
from voicebot.redaction import REMOVED


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """The exchanges of a call, and the bundle it was made with."""

    call_id: str
    bundle_version: str
    exchanges: tuple[Exchange, ...]


_ONCE_REMOVED = ("secret", REMOVED)
"""Of `CollectKeys`, in older records: whether its keys were secret was removed by its name. Where they were, no key was kept."""


def read_exchanges(path: Path) -> RecordedCall:
    """The call of a record file. Raises RecordsError with the file and the reason."""
    try:
        record = CallRecord.decode(json.loads(path.read_text(encoding="utf-8")))
        exchanges = exchanges_of(record)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise RecordsError(f"{path}: this is no call record ({error}); give a JSON file of records.folder") from error
    return RecordedCall(record.summary.call_id, record.summary.bundle_version, exchanges)


def exchanges_of(record: CallRecord) -> tuple[Exchange, ...]:
    """What happened and what was done, in order. Raises ValueError, KeyError, TypeError or IndexError for a torn record."""
    exchanges: list[Exchange] = []
    for line in record.lines:
        if line.get("what") not in ("event", "action"):
            continue
        at = record.summary.started + timedelta(seconds=float(str(line["t"])))
        kept = {name: value for name, value in line.items() if name not in ("t", "what") and (name, value) != _ONCE_REMOVED}
        message = wire.decode(kept)
        if isinstance(message, get_args(Event)):
            exchanges.append(Exchange(at, message, ()))
        else:
            last = exchanges[-1]
            exchanges[-1] = Exchange(last.at, last.event, (*last.actions, message))  # type: ignore[arg-type]
    return tuple(exchanges)
