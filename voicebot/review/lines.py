"""Lines and labels for a study to look at: the same words once, bounded, never what measures and waits for a label."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, exists, select
from sqlalchemy.orm import Session

from nlu.pack.rasa_yaml import Example
from nlu.tools.utterances import UNLABELLED
from voicebot.records import schema
from voicebot.records.among import among
from voicebot.records.models import CallRow, UtteranceRow
from voicebot.review.models import LabelRow, SampleRow
from voicebot.review.queues import waits
from voicebot.review.store import NOT_UNDERSTANDABLE

SINCE = timedelta(days=30)
MOST = 3000
"""Different words that are looked at: some 13 ms each, twice where two models are compared."""


@dataclass(slots=True)
class Said:
    """What was said, perhaps often, with the newest line first."""

    call_id: str
    position: int
    text: str
    language: str
    first: datetime
    last: datetime
    hits: int = 1
    labels: list[str] = field(default_factory=list)

    @property
    def label(self) -> str | None:
        """The label that more people gave than any other; None where there is none."""
        votes = Counter(self.labels).most_common(2)
        return votes[0][0] if votes and (len(votes) == 1 or votes[0][1] > votes[1][1]) else None


def spoken(engine: Engine, now: datetime, *, decision: str | None = None) -> list[Said]:
    """What was said of late, newest first, that is not of the sample; of one decision, where it is given."""
    schema.ready(engine)
    sampled = exists().where(SampleRow.call_id == UtteranceRow.call_id, SampleRow.position == UtteranceRow.position)
    chosen = (
        select(
            UtteranceRow.call_id,
            UtteranceRow.position,
            UtteranceRow.text,
            UtteranceRow.language,
            UtteranceRow.folded,
            CallRow.started,
        )
        .join(CallRow, CallRow.call_id == UtteranceRow.call_id)
        .where(CallRow.started >= now - SINCE, UtteranceRow.folded != "", ~sampled)
        .order_by(CallRow.started.desc(), UtteranceRow.call_id, UtteranceRow.position)
    )
    if decision is not None:
        chosen = chosen.where(UtteranceRow.decision == decision)
    found: dict[tuple[str, str], Said] = {}
    with Session(engine) as session:
        for row in session.execute(chosen.execution_options(yield_per=1000)):  # a month may have a million
            words = (row.folded, row.language)
            if words in found:
                found[words].hits += 1
                found[words].first = row.started
            elif len(found) < MOST:
                found[words] = Said(row.call_id, row.position, row.text, row.language, row.started, row.started)
    return list(found.values())


def labelled(engine: Engine, *, sample: bool) -> list[Said]:
    """Labelled words, newest first: of the sample, which is kept apart, when nobody is still to label them; or the others."""
    schema.ready(engine)
    chosen = select(LabelRow).where(LabelRow.folded != "").order_by(LabelRow.seq.desc())
    by_line: dict[tuple[str, int], Said] = {}
    labels: dict[tuple[str, int], list[str]] = defaultdict(list)
    with Session(engine) as session:
        drawn = {(call_id, position) for call_id, position in session.execute(select(SampleRow.call_id, SampleRow.position))}
        measuring = drawn - waiting_lines(session)
        for row in session.scalars(chosen):
            line = (row.call_id, row.position)
            if (line in measuring) if sample else (line not in drawn):
                by_line.setdefault(line, Said(row.call_id, row.position, row.text, row.language, row.at, row.at))
                labels[line].append(row.label)
    for line, said in by_line.items():
        said.labels = labels[line]
    return list(by_line.values())[:MOST]


def as_examples(lines: Iterable[Said], languages: Container[str]) -> dict[str, list[tuple[Said, Example]]]:
    """By language, as the tools take them: where an example stands is its call, and the position in it. What nobody understood,
    and what people do not agree on, is none.
    """
    found: dict[str, list[tuple[Said, Example]]] = defaultdict(list)
    for said in lines:
        if said.language in languages and not (said.labels and said.label in (None, NOT_UNDERSTANDABLE)):
            found[said.language].append((said, Example(said.text, said.label or UNLABELLED, Path(said.call_id), said.position)))
    return found


def waiting_lines(session: Session) -> set[tuple[str, int]]:
    """Of the sample, those that somebody is still to label: what the model made of them is told nobody."""
    chosen = select(SampleRow.call_id, SampleRow.position).where(waits())
    return {(call_id, position) for call_id, position in session.execute(chosen)}


def words_of(engine: Engine, places: Collection[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """What was said there, as far as it is still kept: with the call, or with a label."""
    schema.ready(engine)
    calls = {call_id for call_id, _ in places}
    found: dict[tuple[str, int], str] = {}
    with Session(engine) as session:
        for table in (LabelRow, UtteranceRow):
            chosen = select(table.call_id, table.position, table.text).where(among(table.call_id, calls), table.text != "")
            found |= {(call_id, position): text for call_id, position, text in session.execute(chosen)}
    return {place: found[place] for place in places if place in found}
