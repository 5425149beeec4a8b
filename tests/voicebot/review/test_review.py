"""Labels outlive the calls' second writing, the sample is drawn once and measures, and never teaches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, delete, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from nlu.errors import PackError
from tests.voicebot.records.databases import heard, summary, take_back
from tests.voicebot.records.servers import database_url, engine, postgres
from tests.voicebot.review.drafts import draft_of
from tests.voicebot.review.packs import small_pack
from voicebot.records import schema
from voicebot.records.database import Database
from voicebot.records.engine import open_engine
from voicebot.records.folding import folded
from voicebot.records.models import ShadowRow
from voicebot.records.shadow import ShadowDecision
from voicebot.records.summary import CallRecord
from voicebot.review.measures import accuracy as accuracy_of
from voicebot.review.measures import agreement
from voicebot.review.models import LabelRow, LeaseRow, SampleRow
from voicebot.review.queues import Queue
from voicebot.review.sampling import Sampler, draw
from voicebot.review.shadow import Pair, Reviewed, Verdict, compared
from voicebot.review.store import Review
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
    kept = review.label(("c0001", 0), "transfer", who="anna", queue=Queue.DOUBTFUL)
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
        review.label(place, label, who="anna", queue=Queue.SAMPLE)
        seen += 1
    assert 50 <= seen <= 62
    accuracy = accuracy_of(engine, DAY, DAY)
    assert accuracy.value == pytest.approx(0.9)
    assert accuracy.low < 0.9 < accuracy.high
    database.close()


def test_lines_to_be_labelled_twice_come_to_a_second_person_and_differing_ones_to_a_third(engine: Engine) -> None:
    database, review = written(engine, {"accept": 120}), Review(engine)
    draw(engine, DAY, BEGIN, END, lines=60)
    for who, label in (("anna", "card_block"), ("ola", "transfer")):
        while lines := review.waiting(Queue.SAMPLE, who):
            review.label((lines[0].call_id, lines[0].position), label, who=who, queue=Queue.SAMPLE)
    with engine.connect() as connection:
        twice = len(connection.execute(select(SampleRow).where(SampleRow.twice.is_(True))).all())
    assert twice > 0
    assert review.counts("third")[Queue.DISAGREE] == twice
    assert review.counts("anna")[Queue.DISAGREE] == 0
    assert agreement(engine, datetime.now(UTC) - timedelta(days=1)).n == twice
    database.close()


def test_the_least_sure_come_first_and_what_is_put_off_comes_last(engine: Engine) -> None:
    database, review = written(engine, {"confirm": 3}), Review(engine)
    first, second, third = (line.call_id for line in review.waiting(Queue.DOUBTFUL, "anna", limit=3))
    assert [first, second, third] == ["c0001", "c0002", "c0003"]
    after = review.waiting(Queue.DOUBTFUL, "anna", skipped=[("c0001", 0)], limit=3)
    assert [line.call_id for line in after] == ["c0002", "c0003", "c0001"]
    card = review.take(Queue.DOUBTFUL, "anna", start=9)
    assert card.line is not None
    assert (card.line.call_id, card.at, card.waiting) == ("c0003", 2, 3), "behind the last one is the last one"
    database.close()


def test_undo_takes_back_ones_own_only(engine: Engine) -> None:
    database, review = written(engine, {"confirm": 1}), Review(engine)
    kept = review.label(("c0001", 0), "transfer", who="anna", queue=Queue.DOUBTFUL)
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


def sampled_lines(engine: Engine) -> list[SampleRow]:
    with Session(engine) as session:
        return list(session.scalars(select(SampleRow).order_by(SampleRow.day, SampleRow.place)))


def test_what_was_taught_is_never_drawn_and_what_was_drawn_is_never_taught(engine: Engine) -> None:
    database, review = written(engine, {"accept": 100}), Review(engine)
    taught = {f"zdanie numer {number}" for number in range(1, 51)}
    draw(engine, DAY, BEGIN, END, taught=taught)
    drawn = sampled_lines(engine)
    assert len(drawn) == 50
    assert not {row.folded for row in drawn} & taught
    assert [row.probability for row in drawn] == [1.0] * 50, "shares are of the lines that can be drawn"
    later = summary("other-call", started=NOW)
    database.write(CallRecord(later, [said("Zdanie numer 77!", "confirm")]))
    (line,) = review.waiting(Queue.DOUBTFUL, "anna")
    assert (line.call_id, line.sampled) == ("other-call", False)
    assert not review.may_teach(line.text), "another call, the same words"
    assert review.may_teach("zdanie numer 7")
    database.delete([row.call_id for row in drawn])
    assert not review.may_teach(line.text), "the sample outlives its calls"
    database.close()


def test_a_label_from_before_the_draw_counts(engine: Engine) -> None:
    """Five of ten are right; three of the wrong ones were labelled as doubtful before anybody drew."""
    database, review = written(engine, {"confirm": 30}), Review(engine)
    wrong = [(f"c{number:04}", 0) for number in range(1, 16)]
    for line in wrong:
        review.label(line, "transfer", who="anna", queue=Queue.DOUBTFUL)
    draw(engine, DAY, BEGIN, END)
    for number in range(16, 31):
        review.label((f"c{number:04}", 0), "card_block", who="anna", queue=Queue.SAMPLE)
    found = accuracy_of(engine, DAY, DAY)
    assert found.n == 30
    assert found.value == pytest.approx(0.5)
    database.close()


OPINIONS: list[tuple[dict[str, str], float | None]] = [
    ({}, 1.0),
    ({"ola": "card_block"}, 1.0),
    ({"ola": "transfer"}, 0.5),
    ({"ola": "transfer", "ewa": "transfer"}, 0.0),
    ({"ola": "transfer", "ewa": "card_block"}, 1.0),
    ({"ola": "transfer", "ewa": "complaint"}, 1 / 3),
    ({"ola": "not_understandable"}, 1.0),
    ({"ola": "not_understandable", "ewa": "not_understandable"}, None),
]
"""Beside one right label: what others say of a line, and how right the model was."""


def test_a_line_is_one_observation_however_many_label_it(engine: Engine) -> None:
    database, review = written(engine, {"accept": 20}), Review(engine)
    draw(engine, DAY, BEGIN, END)
    lines = [(row.call_id, row.position) for row in sampled_lines(engine)]
    for more, right in OPINIONS:
        with engine.begin() as connection:
            connection.execute(delete(LabelRow))
        for who, label in ({"anna": "card_block"} | more).items():
            for line in lines:
                review.label(line, label, who=who, queue=Queue.SAMPLE)
        found = accuracy_of(engine, DAY, DAY)
        assert found.n == (20 if right is not None else 0), more
        assert found.value == (pytest.approx(right) if right is not None else None), more
    database.close()


def test_days_of_unlike_traffic_count_by_their_traffic(engine: Engine) -> None:
    """A day of 200 calls, all right, and one of 20, all wrong, each with a sample of 20 lines."""
    database, review = Database(engine.url.render_as_string(hide_password=False)), Review(engine)
    for day, calls in enumerate((200, 20)):
        for number in range(calls):
            call = summary(f"d{day}-{number:03}", started=BEGIN + timedelta(days=day, hours=9))
            database.write(CallRecord(call, [said(f"zdanie {day} {number}", "accept")]))
        begin = BEGIN + timedelta(days=day)
        assert draw(engine, begin.date(), begin, begin + timedelta(days=1), lines=20) == 20
    for row in sampled_lines(engine):
        label = "card_block" if row.day == DAY else "transfer"
        review.label((row.call_id, row.position), label, who="anna", queue=Queue.SAMPLE)
    found = accuracy_of(engine, DAY, DAY + timedelta(days=1))
    assert found.n == 40
    assert found.value == pytest.approx(200 / 220)
    database.close()


def test_every_day_that_is_over_is_drawn_whoever_looks(engine: Engine) -> None:
    database = Database(engine.url.render_as_string(hide_password=False))
    warsaw = ZoneInfo("Europe/Warsaw")
    for days_ago in (0, 1, 2, 5, 29, 31, 40):
        call = summary(f"call-{days_ago}", started=NOW - timedelta(days=days_ago))
        database.write(CallRecord(call, [said(f"zdanie {days_ago}", "accept")]))
    asked = []

    def taught() -> frozenset[str]:
        asked.append(1)
        return frozenset({"zdanie 2"})

    sampler = Sampler(engine, warsaw, taught, keep_days=90)
    assert sampler.draw_missing(NOW) == 3
    assert {row.call_id for row in sampled_lines(engine)} == {"call-1", "call-5", "call-29"}
    assert Sampler(engine, warsaw, taught, keep_days=3).draw_missing(NOW) == 0
    midnight = datetime(2026, 11, 25, 0, 0, tzinfo=warsaw)
    assert sampler.draw_missing(midnight + timedelta(minutes=59)) == 0, "calls of the day may not be over"
    assert sampler.draw_missing(midnight + timedelta(hours=1)) == 1
    database.close()


def test_processes_that_draw_at_once_draw_one_sample(engine: Engine) -> None:
    """Though one of them knows of more that was taught, so that their lines are others."""
    database = written(engine, {"accept": 200})
    gate = Barrier(4)

    def work(number: int) -> int:
        gate.wait()
        return draw(engine, DAY, BEGIN, END, taught={f"zdanie numer {each}" for each in range(20 * number)})

    with ThreadPoolExecutor(4) as pool:
        sizes = list(pool.map(work, range(4)))
    drawn = sampled_lines(engine)
    assert sizes == [len(drawn)] * 4
    assert [row.place for row in drawn] == list(range(len(drawn)))
    database.close()


def test_a_line_is_before_one_person_and_one_for_two_before_two(engine: Engine) -> None:
    database = written(engine, {"confirm": 3, "accept": 60})
    now = [NOW]
    review = Review(engine, clock=lambda: now[0])
    first = review.take(Queue.DOUBTFUL, "anna").line
    second = review.take(Queue.DOUBTFUL, "ola").line
    assert first is not None
    assert second is not None
    assert (first.call_id, second.call_id) == ("c0001", "c0002")
    again = review.take(Queue.DOUBTFUL, "anna").line
    assert again is not None
    assert again.call_id == "c0001", "her own line stays hers"
    now[0] += timedelta(minutes=6)
    third = review.take(Queue.DOUBTFUL, "ewa").line
    assert third is not None
    assert third.call_id == "c0001", "five minutes are over"
    draw(engine, DAY, BEGIN, END)
    with Session(engine) as session, session.begin():
        session.execute(update(SampleRow).values(twice=SampleRow.place == 0))
    shown = [review.take(Queue.SAMPLE, who).line for who in ("anna", "ola", "ewa")]
    places = [(row.call_id, row.position) for row in sampled_lines(engine)]
    assert [(line.call_id, line.position) for line in shown if line is not None] == [places[0], places[0], places[1]]
    for who in ("anna", "ola"):
        review.label(places[0], "transfer", who=who, queue=Queue.SAMPLE)
    waiting = {(line.call_id, line.position) for line in review.waiting(Queue.SAMPLE, "jan", limit=99)}
    assert waiting == set(places[2:]), "nobody is a third"
    later = review.take(Queue.SAMPLE, "jan").line
    assert later is not None
    assert (later.call_id, later.position) == places[2], "two labelled the first, ewa has the second"
    database.close()


def test_people_who_ask_at_once_get_lines_of_their_own(engine: Engine) -> None:
    database, review = written(engine, {"confirm": 20}), Review(engine)
    gate = Barrier(4)

    def work(who: str) -> str | None:
        gate.wait()
        line = review.take(Queue.DOUBTFUL, who).line
        return line.call_id if line is not None else None

    with ThreadPoolExecutor(4) as pool:
        shown = list(pool.map(work, ("anna", "ola", "ewa", "jan")))
    assert None not in shown
    assert len(set(shown)) == 4
    with Session(engine) as session:
        assert len(session.scalars(select(LeaseRow)).all()) == 4
    database.close()


def test_a_person_has_one_label_for_a_line_however_fast_they_press(engine: Engine) -> None:
    database, review = written(engine, {"confirm": 1}), Review(engine)
    gate = Barrier(2)

    def work(label: str) -> None:
        gate.wait()
        review.label(("c0001", 0), label, who="anna", queue=Queue.DOUBTFUL)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, ("transfer", "card_block")))
    assert len(review.latest("anna")) == 1
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO labels (call_id, position, text, language, label, who, at, queue) "
                "SELECT call_id, position, text, language, label, who, at, queue FROM labels"
            )
        )
    database.close()


def test_doubles_of_before_the_unique_key_are_merged(database_url: str) -> None:
    """The latest label of a person stays, and what was drawn twice stands in one order."""
    engine = open_engine(database_url)
    columns = "seq, call_id, position, text, language, label, who, at, queue, stratum, probability"
    sampled = "call_id, position, day, place, stratum, probability, twice"
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "voicebot.records:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0010")
        for seq, who, label in ((1, "anna", "transfer"), (2, "ola", "transfer"), (3, "anna", "card_block")):
            values = f"{seq}, 'c1', 0, 'Zgubiłam kartę', 'pl', '{label}', '{who}', '2026-11-24 09:00:00', 'sample', '', 0"
            connection.execute(text(f"INSERT INTO labels ({columns}) VALUES ({values})"))
        for call_id in ("c1", "c2"):
            values = f"'{call_id}', 0, '2026-11-23', 0, 'accept', 0.5, false"
            connection.execute(text(f"INSERT INTO sampled_lines ({sampled}) VALUES ({values})"))
    schema.upgrade(engine)
    with Session(engine) as session:
        labels = session.scalars(select(LabelRow).order_by(LabelRow.seq)).all()
        assert [(row.call_id, row.who, row.label, row.folded) for row in labels] == [
            ("c1", "ola", "transfer", "zgubilam karte"),
            ("c1", "anna", "card_block", "zgubilam karte"),
        ]
        drawn = session.scalars(select(SampleRow).order_by(SampleRow.place)).all()
        assert [(row.call_id, row.place, row.folded) for row in drawn] == [("c1", 0, "zgubilam karte"), ("c2", 1, "")]
    engine.dispose()


def test_the_guess_is_hidden_wherever_a_sampled_line_is_shown(engine: Engine) -> None:
    database, review = written(engine, {"accept": 60}), Review(engine)
    draw(engine, DAY, BEGIN, END)
    row = sampled_lines(engine)[0]
    for who, label in (("anna", "card_block"), ("ola", "transfer")):
        review.label((row.call_id, row.position), label, who=who, queue=Queue.SAMPLE)
    (line,) = review.waiting(Queue.DISAGREE, "ewa")
    assert line.sampled
    assert (line.intent, line.confidence, line.decision, line.queue, line.ranking) == (None, None, None, None, ())
    review.label((row.call_id, row.position), "transfer", who="ewa", queue=Queue.DISAGREE)
    assert review.waiting(Queue.DISAGREE, "jan") == [], "two of three are enough"
    database.close()


def test_the_same_words_are_shown_once_and_labelled_once(engine: Engine) -> None:
    database, review = Database(engine.url.render_as_string(hide_password=False)), Review(engine)
    for number, words in enumerate(("Zgubiłam kartę", "zgubilam karte!", "przelew nie doszedł", "zgubiłam kartę")):
        call = summary(f"c{number}", started=BEGIN + timedelta(hours=number))
        database.write(CallRecord(call, [said(words, "reject")]))
    lines = review.waiting(Queue.NOTHING_FITTED, "anna", limit=9)
    assert [(line.call_id, line.hits) for line in lines] == [("c3", 3), ("c2", 1)]
    assert review.counts("anna")[Queue.NOTHING_FITTED] == 2
    assert review._lease(("c0", 0), Queue.HUMAN, "ewa"), "she has the same words before her, in another queue and another call"
    assert [review.counts(who)[Queue.NOTHING_FITTED] for who in ("ewa", "anna")] == [2, 1]
    card = review.take(Queue.NOTHING_FITTED, "anna")
    assert card.line is not None
    assert (card.line.call_id, card.waiting) == ("c2", 1)
    with engine.begin() as connection:
        connection.execute(delete(LeaseRow))
    review.label(("c3", 0), "card_block", who="anna", queue=Queue.NOTHING_FITTED)
    assert [line.call_id for line in review.waiting(Queue.NOTHING_FITTED, "ola", limit=9)] == ["c2"]
    database.close()


def test_words_of_deleted_calls_leave_labels_and_sample_and_still_count(engine: Engine) -> None:
    database, review = written(engine, {"accept": 30}), Review(engine)
    draw(engine, DAY, BEGIN, END)
    for row in sampled_lines(engine):
        review.label((row.call_id, row.position), "card_block", who="anna", queue=Queue.SAMPLE)
    before = accuracy_of(engine, DAY, DAY)
    assert review.of_calls(["c0001", "c0002", "elsewhere"]) == 2
    assert review.forget_words(["c0001", "c0002"]) == 2
    assert review.forget_words(["c0001", "c0002"]) == 0
    with Session(engine) as session:
        kept = session.scalars(select(LabelRow).where(LabelRow.call_id.in_(["c0001", "c0002"]))).all()
        assert [(row.text, row.folded, row.label) for row in kept] == [("", "", "card_block")] * 2
    assert {row.folded for row in sampled_lines(engine) if row.call_id in ("c0001", "c0002")} == {""}
    assert accuracy_of(engine, DAY, DAY) == before
    database.close()


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    return draft_of(small_pack(tmp_path / "pack"), tmp_path / "drafts" / "nlu")


def test_a_line_becomes_an_example_in_a_draft_that_keeps_comments(draft: Draft) -> None:
    words = "no bo ja bym chciała tę kartę jakoś przed wnuczkiem schować, znaczy zablokować"
    file = draft.teach(words, "card_block", "pl")
    shipped = (draft.folder.parents[1] / "pack" / "pl" / file.name).read_text(encoding="utf-8")
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
    assert folded(words) in draft.known_words()
    assert "zgubiona karta" in draft.known_words()


def test_no_error_of_teaching_names_a_folder_of_the_machine(draft: Draft, tmp_path: Path) -> None:
    draft.teach("no bo ja bym chciała tę kartę schować przed wnuczkiem", "card_block", "pl")
    (draft.folder / "pl" / "transfer.yml").write_text('version: "3.1"\nnlu:\n  - intent: transfer\n    examples: |\n      - [x\n')
    with pytest.raises(PackError, match=r"transfer\.yml:5: broken entity mark-up") as caught:
        draft.teach("zupełnie inne zdanie o karcie", "card_block", "pl")
    assert str(tmp_path) not in str(caught.value)
    in_the_way = tmp_path / "a-file"
    in_the_way.write_text("")
    with pytest.raises(PackError, match="cannot be written") as refused:
        draft_of(tmp_path / "pack", in_the_way / "nlu").teach("zupełnie inne zdanie o karcie", "card_block", "pl")
    assert str(tmp_path) not in str(refused.value)


def test_examples_of_two_people_at_once_are_both_kept(draft: Draft) -> None:
    gate = Barrier(2)
    words = [f"to jest zupełnie inne zdanie o karcie numer {name}" for name in ("jeden", "dwa")]

    def work(text: str) -> None:
        gate.wait()
        draft.teach(text, "card_block", "pl")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, words))
    written = (draft.folder / "pl" / "card_block.yml").read_text(encoding="utf-8")
    assert all(each in written for each in words)


def shadowed(engine: Engine, decisions: dict[str, tuple[str, str]], release: str = "new") -> None:
    """By call: matter and decision of the release in the shadow."""
    database = Database(engine.url.render_as_string(hide_password=False))
    database.keep_shadow([ShadowDecision(call, 0, release, *each, 0.8, NOW) for call, each in decisions.items()])
    database.close()


def test_what_the_shadow_takes_for_another_matter_waits_blind_and_once_for_the_same_words(engine: Engine) -> None:
    database = written(engine, {"accept": 30})
    for number in (31, 32):  # the same words twice
        database.write(CallRecord(summary(f"c{number:04}", started=BEGIN), [said("zdanie numer 1", "accept")]))
    decisions = {f"c{number:04}": ("card_block", "accept") for number in range(1, 33)}
    decisions |= {"c0001": ("transfer", "accept"), "c0031": ("transfer", "accept"), "c0002": ("transfer", "reject")}
    decisions |= {"c0003": ("card_block", "confirm"), "c0004": ("out_of_scope", "accept")}
    shadowed(engine, {"c0005": ("loans", "accept")}, release="old")
    with Session(engine) as session, session.begin():
        session.execute(update(ShadowRow).values(at=NOW - timedelta(days=1)))
    shadowed(engine, decisions)
    review = Review(engine, clock=lambda: NOW)
    waiting = review.waiting(Queue.SHADOW, "anna", limit=10)
    assert {(line.call_id, line.hits) for line in waiting} == {("c0001", 2), ("c0002", 1), ("c0004", 1)}
    assert all((line.intent, line.decision, line.ranking, line.was, line.found) == (None, None, (), "", "") for line in waiting)
    assert not any(line.sampled for line in waiting), "they may be taught"
    found = compared(engine, ["new"])
    assert (found.lines, found.agree.k, found.asked_otherwise) == (32, 28, 1)
    assert found.pairs == (Pair("card_block", "out_of_scope", 2), Pair("card_block", "transfer", 2))
    assert found.reviewed == Reviewed(3, 0, 0, 0)
    assert (found.reviewed.verdict, found.reviewed.more) == (Verdict.UNSAID, None)
    for call, label in (("c0001", "transfer"), ("c0002", "card_block"), ("c0004", "not_understandable")):
        assert review.label((call, 0), label, who="anna", queue=Queue.SHADOW) is not None
    assert review.waiting(Queue.SHADOW, "ola") == []
    assert compared(engine, ["new"]).reviewed == Reviewed(3, 2, 1, 1)
    database.delete(["c0001", "c0031"])
    assert compared(engine, ["new"]).lines == 30, "what was decided goes with the call"
    assert database.purge(NOW + timedelta(hours=1)), "all calls are old"
    with engine.connect() as connection:
        assert connection.scalars(select(ShadowRow.call_id)).all() == []
    database.close()


@pytest.mark.parametrize(
    ("better", "worse", "verdict"),
    [(12, 1, Verdict.BETTER), (1, 12, Verdict.WORSE), (7, 3, Verdict.UNSAID), (5, 5, Verdict.UNSAID)],
)
def test_which_is_better_is_said_only_when_chance_does_not_explain_it(better: int, worse: int, verdict: Verdict) -> None:
    """And as long as it cannot be said, how many more lines it takes if they go on as so far."""
    reviewed = Reviewed(words=90, judged=20, better=better, worse=worse)
    assert reviewed.verdict is verdict
    if verdict is Verdict.UNSAID and better != worse:
        assert reviewed.more is not None
        grown = 1 + reviewed.more / reviewed.judged
        assert Reviewed(90, 20, round(better * grown), round(worse * grown)).verdict is Verdict.BETTER
