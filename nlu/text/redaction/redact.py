"""`redact`: a text with personal numbers masked."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter

from nlu.text.redaction.births import BIRTH, birth_dates
from nlu.text.redaction.dictation import says_numbers
from nlu.text.redaction.judging import mask_of, without_prefix
from nlu.text.redaction.names import Name
from nlu.text.redaction.passwords import mask_passwords
from nlu.text.redaction.reading import Reading, Run, read
from nlu.text.redaction.runs import belong_together, runs_of

_ANY_DIGIT = re.compile(r"\d")


def redact(text: str, *, expected: Name | None = None, alone: bool = False, by_machine: bool = False) -> str:
    """`text` with personal numbers masked. Pure, idempotent, never raises; some 20 µs for a short line without numbers.

    `expected` is what was named in the turn before; `alone`: the text is a whole utterance, so that a number with nothing around it
    answers something; `by_machine`: a program wrote it, not a person.
    """
    text = mask_passwords(text)
    masks = [(start, end, BIRTH) for start, end in birth_dates(text)]
    if not (masks or _ANY_DIGIT.search(text) or says_numbers(text)):
        return text
    births = tuple(masks)
    for run, mask in _masked_runs(read(text, expected=expected, alone=alone, by_machine=by_machine)):
        at = bisect_right(births, run.start, key=itemgetter(1))  # the first that ends behind where the run begins
        if at == len(births) or births[at][0] >= run.end:
            masks.append((run.start, run.end, mask))
    return _with(text, sorted(masks))


def _masked_runs(reading: Reading) -> Iterator[tuple[Run, str]]:
    """Every run that is masked, with the numbers beside it that a few strange words part from it."""
    runs = list(runs_of(reading))
    masks = [mask_of(reading, run) for run in runs]
    at = 0
    while at < len(runs):
        mask, last = masks[at], at
        items = list(runs[at].items)
        while (
            last + 1 < len(runs)
            and (mask or masks[last + 1])
            and not reading.by_machine
            and belong_together(reading, runs[last], runs[last + 1])
        ):
            last += 1
            items += runs[last].items
            mask = mask or masks[last]
        if mask:
            yield Run(tuple(items)), mask
        at = last + 1


def _with(text: str, masks: Sequence[tuple[int, int, str]]) -> str:
    out: list[str] = []
    position = 0
    for start, end, mask in masks:
        out += (without_prefix(mask, text[position:start]), mask)
        position = end
    return "".join((*out, text[position:]))
