"""Labels outlive the calls' second writing, the sample is drawn once and measures, and never teaches."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from nlu.errors import PackError
from nlu.pack.pack import BANK_PACK
from tests.voicebot.records.databases import heard, summary, take_back
from tests.voicebot.records.servers import database_url, engine, postgres
from voicebot.records import schema
from voicebot.records.database import Database
from voicebot.records.engine import open_engine
from voicebot.records.summary import CallRecord
from voicebot.review.models import LabelRow, SampleRow
from voicebot.review.sampling import draw
from voicebot.review.store import Queue, Review
from voicebot.review.teaching import Draft

__all__ = ["database_url", "engine", "postgres"]

DAY = date(2026, 11, 23)
BEGIN = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
END = BEGIN + timedelta(days=1)
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def said(words: str, decision: str, intent: str = "card_block", confidence: float = 0.5) -> dict[str, object]:
    ranking = [{"intent": intent, "confidence": confidence}]
    line = heard(words, intent=intent)
    return line | {"understanding": {**line["understanding"], "decision": decision, "confidence": confidence, "ranking": ranking}}


def written(engine: Engine, decisions: dict[str, int]) -> Database:
    database = Database(engine.url.render_as_string(hide_password=False))
    number = 0
    for decision, count in decisions.items():
        for _ in range(count):
            number += 1
            call = summary(f"c{number:04}", started=BEGIN + timedelta(hours=9, seconds=number))
            database.write(CallRecord(call, [said(f"zdanie numer {number}", decision, confidence=number / 1000)]))
    return database


def test_a_label_outlives_a_second_write_and_the_call(engine: Engine) -> None:
    database, review = written(engine, {"confirm": 1}), Review(engine)
    kept = review.label(("c0001", 0), "transfer", who="anna", queue=Queue.DOUBTFUL, at=NOW)
    assert kept is not None
    record = database.call("c0001")
    assert record is not None
    database.write(record)
    assert [each.label for each in review.latest("anna")] == ["transfer"]
    database.delete(["c0001"])
    assert [each.text for each in review.latest("anna")] == ["zdanie numer 1"]
    database.close()


def test_the_sample_is_drawn_once_by_strata_with_its_probabilities(engine: Engine) -> None:
    database = written(engine, {"accept": 200, "confirm": 30, "reject": 10})
    assert draw(engine, DAY, BEGIN, END, lines=30) == draw(engine, DAY, BEGIN, END, lines=30)
    with engine.connect() as connection:
        rows = connection.execute(select(SampleRow.stratum, SampleRow.probability)).all()
    by_stratum = {name: [p for stratum, p in rows if stratum == name] for name in ("accept", "confirm", "reject")}
    for name, traffic in (("accept", 200), ("confirm", 30), ("reject", 10)):
        assert by_stratum[name] == [pytest.approx(len(by_stratum[name]) / traffic)] * len(by_stratum[name])
    assert min(by_stratum["reject"]) > max(by_stratum["accept"]), "what is doubtful is looked at more often"
    database.close()


def test_the_sample_hides_the_guess_and_is_weighted_by_traffic(engine: Engine) -> None:
    database, review = written(engine, {"accept": 180, "confirm": 20}), Review(engine)
    draw(engine, DAY, BEGIN, END, lines=60)
    seen = 0
    while lines := review.waiting(Queue.SAMPLE, "anna"):
        (line,) = lines
        assert (line.intent, line.decision, line.ranking) == (None, None, ())
        doubtful = int(line.call_id[1:]) > 180
        label, place = "transfer" if doubtful else "card_block", (line.call_id, line.position)
        review.label(place, label, who="anna", queue=Queue.SAMPLE, at=NOW)
        seen += 1
    assert 50 <= seen <= 62
    accuracy = review.accuracy(DAY, DAY, UTC)
    assert accuracy.value == pytest.approx(0.9)
    assert accuracy.low < 0.9 < accuracy.high
    database.close()


def test_lines_to_be_labelled_twice_come_to_a_second_person_and_differing_ones_to_a_third(engine: Engine) -> None:
    database, review = written(engine, {"accept": 120}), Review(engine)
    draw(engine, DAY, BEGIN, END, lines=60)
    for who, label in (("anna", "card_block"), ("ola", "transfer")):
        while lines := review.waiting(Queue.SAMPLE, who):
            review.label((lines[0].call_id, lines[0].position), label, who=who, queue=Queue.SAMPLE, at=NOW)
    with engine.connect() as connection:
        twice = len(connection.execute(select(SampleRow).where(SampleRow.twice.is_(True))).all())
    assert twice > 0
    assert review.counts("third")[Queue.DISAGREE] == twice
    assert review.counts("anna")[Queue.DISAGREE] == 0
    assert review.agreement(NOW - timedelta(days=1)).n == twice
    database.close()


def test_the_least_sure_come_first_and_what_is_put_off_comes_last(engine: Engine) -> None:
    database, review = written(engine, {"confirm": 3}), Review(engine)
    first, second, third = (line.call_id for line in review.waiting(Queue.DOUBTFUL, "anna", limit=3))
    assert [first, second, third] == ["c0001", "c0002", "c0003"]
    after = review.waiting(Queue.DOUBTFUL, "anna", skipped=[("c0001", 0)], limit=3)
    assert [line.call_id for line in after] == ["c0002", "c0003", "c0001"]
    database.close()


def test_undo_takes_back_ones_own_only(engine: Engine) -> None:
    database, review = written(engine, {"confirm": 1}), Review(engine)
    kept = review.label(("c0001", 0), "transfer", who="anna", queue=Queue.DOUBTFUL, at=NOW)
    assert kept is not None
    assert review.undo("ola", kept.seq) is None
    assert review.undo("anna", kept.seq) == kept
    assert review.counts("anna")[Queue.DOUBTFUL] == 1
    database.close()


def test_what_was_labelled_before_labels_had_a_table_is_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    database = Database(url)
    database.write(CallRecord(summary("old"), [heard("zgubiłem kartę")]))
    database.close()
    take_back(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE utterances SET reviewed_intent = 'card_block', reviewed_by = 'jan'"))
    schema.upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(select(LabelRow.label, LabelRow.who, LabelRow.queue)).all() == [
            ("card_block", "jan", "earlier")
        ]
    engine.dispose()


def test_a_line_becomes_an_example_in_a_draft_that_keeps_comments(tmp_path: Path) -> None:
    draft = Draft(Path(BANK_PACK), tmp_path / "drafts")
    words = "no bo ja bym chciała tę kartę jakoś przed wnuczkiem schować, znaczy zablokować"
    file = draft.teach(words, "card_block", "pl")
    shipped = (Path(BANK_PACK) / "pl" / file.name).read_text(encoding="utf-8")
    changed = file.read_text(encoding="utf-8")
    assert words in changed
    assert set(shipped.splitlines()) <= set(changed.splitlines())
    for refused, matter, why in (
        ("[nawiasy]", "card_block", "cannot be an example"),
        (words.upper(), "transfer", "already, as card_block"),
        (words, "card_block", "Nothing to do"),
        ("mój pesel to 44051401359", "card_block", "number of a person"),
    ):
        with pytest.raises(PackError, match=why):
            draft.teach(refused, matter, "pl")
    assert file.read_text(encoding="utf-8") == changed
