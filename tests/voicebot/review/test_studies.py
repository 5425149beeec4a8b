"""Studies run in a child process, one at a time of each name; what they find becomes queues, and holds no words of callers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Engine, select

from nlu.pack.pack import BANK_PACK
from nlu.pack.rasa_yaml import read_file
from tests.voicebot.records.databases import heard, summary
from tests.voicebot.records.servers import database_url, engine, postgres
from tests.voicebot.review.drafts import draft_of
from tests.voicebot.review.packs import small_pack
from voicebot.config.settings import Settings
from voicebot.records import schema
from voicebot.records.database import Database
from voicebot.records.engine import open_engine
from voicebot.records.summary import CallRecord
from voicebot.review.children import StudyChildren
from voicebot.review.models import StudyRow
from voicebot.review.queues import Queue
from voicebot.review.sampling import draw
from voicebot.review.store import Review
from voicebot.review.studies import CLUSTERS, DRAFT, LABELS, LINT, Studies, Study

__all__ = ["database_url", "engine", "postgres"]

NOW = datetime.now(UTC)
SLANG = "zdematerializował mi się wihajster bankomatowy"
"""Neither of the two matters has these words."""


def write(database: Database, call_id: str, words: str, decision: str, intent: str, *, days_ago: int = 0) -> None:
    line = heard(words, intent=intent)
    understanding = line["understanding"] | {"decision": decision, "confidence": 0.6, "language": "pl"}
    call = summary(call_id, started=NOW - timedelta(days=days_ago, minutes=1), language="pl")
    database.write(CallRecord(call, [line | {"understanding": understanding}]))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained models, once for all tests."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def settings(tmp_path: Path, cache: Path) -> Settings:
    return Settings.model_validate(
        {
            "state": {"data_dir": str(tmp_path / "var")},
            "nlu": {"pack": str(small_pack(tmp_path / "pack")), "cache_dir": str(cache), "semantic": False},
        }
    )


@pytest.fixture
async def children(settings: Settings) -> AsyncIterator[StudyChildren]:
    opened = open_engine(settings.database_url)
    schema.upgrade(opened)
    running = StudyChildren(lambda: settings, Studies(opened), lambda: datetime.now(UTC))
    yield running
    await running.close()
    opened.dispose()


async def done(children: StudyChildren, name: str) -> Study:
    async with asyncio.timeout(300):
        while (study := await asyncio.to_thread(children.studies.of, name, datetime.now(UTC))).running:
            await asyncio.sleep(0.05)
    return study


async def test_what_is_taught_is_studied(settings: Settings, children: StudyChildren) -> None:
    """A word that the model has never heard, and two examples with it. Kept-apart labels say what that does to them."""
    database = Database(settings.database_url)
    opened = open_engine(settings.database_url)
    review, draft = Review(opened), draft_of(settings.nlu.pack or BANK_PACK, settings.drafts_dir / "nlu")
    write(database, "sampled", SLANG + " wczoraj", "reject", "out_of_scope", days_ago=1)
    write(database, "slang", SLANG, "reject", "out_of_scope")
    write(database, "again", SLANG.upper(), "reject", "out_of_scope", days_ago=2)
    write(database, "clear", "zgubiłem kartę wczoraj wieczorem", "accept", "card_block")
    assert draw(opened, (NOW - timedelta(days=1)).date(), NOW - timedelta(days=1, hours=1), NOW - timedelta(hours=1)) == 1
    review.label(("sampled", 0), "card_block", who="anna", queue=Queue.SAMPLE)
    if review.counts("ola", (Queue.SAMPLE,))[Queue.SAMPLE]:
        review.label(("sampled", 0), "card_block", who="ola", queue=Queue.SAMPLE)
    for words in ("zdematerializował mi się wihajster", "wihajster bankomatowy gdzieś mi się zdematerializował"):
        draft.teach(words, "card_block", "pl")
    assert await children.start(DRAFT, "anna")
    study = await done(children, DRAFT)
    assert study.why == ""
    result = study.result
    assert result is not None
    assert (result["taught"], result["kept_apart"], result["lines"]) == (2, 1, 2)
    assert result["verdicts"] == {"fixed": 1}
    assert (result["was_right"], result["is_right"]) == (0.0, 1.0)
    (change,) = result["changes"]
    assert (change["call_id"], change["label"], change["verdict"]) == ("sampled", "card_block", "fixed")
    assert "wihajster" not in json.dumps(result["changes"]), "words stand in the lines only"
    (line,) = review.waiting(Queue.NEW_MODEL, "ewa", limit=9)
    assert (line.call_id, line.was, line.hits) == ("slang", "reject", 2)
    assert line.found.endswith("card_block")
    review.label(("slang", 0), "card_block", who="ewa", queue=Queue.NEW_MODEL)
    assert review.waiting(Queue.NEW_MODEL, "jan") == []
    database.close()
    opened.dispose()


async def test_labels_that_the_model_contradicts_become_a_queue(settings: Settings, children: StudyChildren) -> None:
    database = Database(settings.database_url)
    opened = open_engine(settings.database_url)
    review = Review(opened)
    write(database, "wrong", "zgubiłem kartę", "accept", "card_block")
    write(database, "right", "chcę zrobić przelew", "accept", "transfer")
    review.label(("wrong", 0), "transfer", who="anna", queue=Queue.PASSED_ON)
    review.label(("right", 0), "transfer", who="anna", queue=Queue.PASSED_ON)
    assert await children.start(LABELS, "anna")
    study = await done(children, LABELS)
    assert (study.why, study.result) == ("", {"labels": 2, "doubted": 1})
    (line,) = review.waiting(Queue.DOUBTED, "ola", limit=9)
    assert (line.call_id, line.was, line.found) == ("wrong", "transfer", "accept card_block")
    review.label(("wrong", 0), "card_block", who="anna", queue=Queue.DOUBTED)
    assert review.waiting(Queue.DOUBTED, "ola", limit=9) == []
    database.close()
    opened.dispose()


async def test_what_nothing_fitted_is_grouped_and_a_line_explained(settings: Settings, children: StudyChildren) -> None:
    database = Database(settings.database_url)
    for number, words in enumerate(("kurs euro na jutro", "jaki jest kurs euro", "kurs euro proszę", "kurs euro na dzisiaj")):
        write(database, f"euro{number}", words, "reject", "out_of_scope", days_ago=number)
    write(database, "alone", "pies zjadł mi buty", "reject", "out_of_scope")
    assert await children.start(CLUSTERS, "anna")
    study = await done(children, CLUSTERS)
    assert study.why == ""
    assert study.result is not None
    (group,) = study.result["groups"]
    assert (study.result["lines"], group["count"], group["language"]) == (5, 4, "pl")
    assert "euro" in group["words"]
    assert {each["call_id"] for each in group["members"]} == {f"euro{number}" for number in range(4)}
    assert datetime.fromisoformat(group["last"]) - datetime.fromisoformat(group["first"]) == timedelta(days=3)
    told = (await children.explain("zgubiłem kartę", "pl"))["told"]
    assert (told["found"]["intent"], told["found"]["decision"], told["familiar"]) == ("card_block", "accept", True)
    database.close()


async def test_lint_of_the_pack_in_force_by_matter(settings: Settings, children: StudyChildren) -> None:
    assert settings.nlu.pack is not None
    file = settings.nlu.pack / "pl" / "transfer.yml"
    card = read_file(file.with_name("card_block.yml")).examples[0]
    file.write_text(file.read_text(encoding="utf-8") + f"      - {card.text}\n", encoding="utf-8")
    assert await children.start(LINT, "anna")
    study = await done(children, LINT)
    assert study.result is not None
    (found,) = [each for each in study.result["complaints"] if each["rule"] == "contradiction"]
    assert (found["level"], found["file"], found["matter"]) == ("error", "transfer.yml", "transfer")
    assert str(settings.nlu.pack) not in json.dumps(study.result)


async def test_a_study_that_is_killed_is_told(children: StudyChildren) -> None:
    assert await children.start(LINT, "anna")
    assert not await children.start(LINT, "ola", again=True), "it runs already"
    await children.close()
    study = await asyncio.to_thread(children.studies.of, LINT, datetime.now(UTC))
    assert not study.running
    assert "start it again" in study.why


async def test_a_row_of_changes_is_one_study(settings: Settings, children: StudyChildren) -> None:
    eager = StudyChildren(lambda: settings, children.studies, lambda: datetime.now(UTC), soon_s=0.2)
    for who in ("anna", "ola", "ewa"):
        eager.soon(DRAFT, who)
    async with asyncio.timeout(300):
        while "there is no draft" not in (study := await done(children, DRAFT)).why:
            await asyncio.sleep(0.05)
    assert study.result is None
    eager.soon(DRAFT, "jan")
    await eager.close()
    with children.studies._engine.connect() as connection:
        assert connection.execute(select(StudyRow.who)).all() == [("ewa",)], "the last who asked; none after the end"


def test_a_child_ends_with_its_parent(settings: Settings) -> None:
    """Its standard input ends: as if the console were killed."""
    order = json.dumps({"study": "explain", "text": "zgubiłem kartę", "language": "pl"})
    told = f"{settings.as_json()}\n{order}\n".encode()
    done = subprocess.run(
        [sys.executable, "-m", "voicebot.review"],
        input=told,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_study_runs_once_however_many_begin_it(engine: Engine) -> None:
    studies, gate = Studies(engine), Barrier(4)

    def work(who: str) -> bool:
        gate.wait()
        return studies.begin(LINT, who, NOW)

    for _ in range(2):
        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(work, "abcd")) == [False, False, False, True]
        studies.end(LINT, NOW, NOW, result={"complaints": []})
    assert studies.begin(LINT, "anna", NOW)
    later = NOW + timedelta(minutes=2)
    assert "start it again" in studies.of(LINT, later).why, "its process died without a word"
    assert studies.of(LINT, later).result == {"complaints": []}, "the result of the time before stays"
    assert studies.begin(LINT, "ola", later)
    studies.end(LINT, NOW, later, why="too late")
    assert studies.of(LINT, later).running, "the run that died cannot end the one after it"
