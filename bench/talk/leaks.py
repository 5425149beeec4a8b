"""Secrets that callers dictated, looked for in all that would be written of the call: journal and hand-off record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from bench.talk.people import Secret
from caller_id.types import Caller
from dialogs.events import HandOff
from dialogs.rehearsal.rehearsal import Exchange
from nlu.languages.language import fold
from voicebot.handoff.record import make_record, record_codec
from voicebot.records.journal import Journal

_SHORT = 6  # digits up to which a secret must stand alone: longer ones are found in part too
_BETWEEN = re.compile(r"(?<=\d)[\s\-./,_()]{1,3}(?=\d)")


def leaked(secret: Secret, exchanges: Sequence[Exchange], caller: Caller) -> bool:
    """Whether the secret stands in what was written of the call."""
    return stands(secret, "\n".join(written_of(exchanges, caller)))


def stands(secret: Secret, text: str) -> bool:
    """Whether the secret can be read there: as it was said, or as digits however parted; of a long one, half of it."""
    if fold(secret.spoken) in fold(text):
        return True
    joined = _BETWEEN.sub("", text)
    digits = secret.digits
    if len(digits) <= _SHORT:
        return re.search(rf"(?<![\w.]){digits}(?!\w)", joined) is not None
    half = len(digits) // 2
    return any(part in joined for part in (digits[:half], digits[half:]))


def written_of(exchanges: Sequence[Exchange], caller: Caller) -> list[str]:
    """Every text in the journal and the hand-off records of the call."""
    journal = Journal("20261124-110000-abcdef", started=exchanges[0].at, clock=lambda: 0.0)
    records: list[object] = []
    for exchange in exchanges:
        journal.happened(exchange.event)
        for action in exchange.actions:
            journal.did(action)
            if isinstance(action, HandOff):
                record = make_record(action, caller=caller, call_id="", call_ref="", now=exchange.at, keep_for=timedelta(hours=1))
                records.append(record_codec.encode(record))
    return list(_texts([journal.lines, records]))


def _texts(value: object) -> Iterator[str]:
    """The texts inside; figures such as probabilities are long runs of digits and nobody's secret."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
