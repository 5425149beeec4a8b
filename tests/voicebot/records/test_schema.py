"""The tables' version: brought up to date from any earlier one, refused when it is newer."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from tests.voicebot.records.databases import all_tables, heard, summary, take_back
from tests.voicebot.records.servers import database_url, postgres
from voicebot.errors import RecordsError
from voicebot.records import RecordStore, ahead, schema
from voicebot.records.database import Database
from voicebot.records.summary import CallRecord

__all__ = ["database_url", "postgres"]


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_the_steps_lead_to_the_tables_that_the_code_writes(url: str) -> None:
    """No column, index or type differs."""
    database = Database(url)
    assert database.upgrade() == (None, schema.newest())
    assert database.upgrade() == (schema.newest(), schema.newest())
    database.close()
    engine = create_engine(url)
    with engine.connect() as connection:
        types = engine.dialect.name != "sqlite"  # it has a few loose ones only
        options = {"compare_type": types, "include_name": known_to_sqlalchemy}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), all_tables()) == []
    engine.dispose()


def known_to_sqlalchemy(name: str | None, _kind: str, _of: Mapping[str, str | None]) -> bool:
    """The indexes of words and of last digits are of another kind in each database."""
    return name is None or not name.startswith(("utterance_words", "utterances_by_words", "calls_by_digits"))


def before_versions(url: str) -> None:
    """Make the tables as an early version did: no versions, no survey, no hash; with a call."""
    database = Database(url)
    database.write(CallRecord(summary("before"), [heard("zgubiłem kartę")]))
    database.close()
    take_back(url)


def test_a_database_of_before_versions_keeps_its_calls_and_takes_new_ones(url: str) -> None:
    before_versions(url)
    database = Database(url)
    database.write(CallRecord(summary("after", survey="helped"), [], "hash"))
    assert {call.call_id: call.survey for call in database.calls(limit=10)} == {"before": None, "after": "helped"}
    kept = database.call("before")
    assert kept is not None
    assert len(kept.lines) == 1
    assert database.version() == schema.newest()
    database.close()


START = """
import sys
from voicebot.records.database import Database
print("ready", flush=True)
sys.stdin.readline()
database = Database(sys.argv[1])
print(database.upgrade()[1], database.count())
"""


def test_processes_that_start_at_once_do_not_get_in_each_others_way(url: str) -> None:
    """Every step is done once, whoever does it."""
    before_versions(url)
    starting = [
        subprocess.Popen([sys.executable, "-c", START, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in starting:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in starting:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0] for process in starting]
    assert [lines.splitlines()[-1] for lines in said] == [f"{schema.newest()} 1"] * 3
    assert "".join(said).count("the tables of the records are up to date") == 1


def test_a_step_that_fails_leaves_the_tables_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All or nothing: the next start finds what this one found."""
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    before_versions(url)
    connection = sqlite3.connect(tmp_path / "calls.db")
    connection.execute("CREATE INDEX calls_by_number_hash ON calls (queue)")  # in the way of a later step
    connection.commit()
    database = Database(url)
    with pytest.raises(Exception, match="calls_by_number_hash"):
        database.upgrade()
    assert database.version() is None
    connection.execute("DROP INDEX calls_by_number_hash")
    connection.commit()
    connection.close()
    assert database.upgrade()[1] == schema.newest()
    database.close()


def test_indexes_are_made_before_the_step_one_by_one_and_a_killed_upgrade_goes_on(url: str) -> None:
    """On PostgreSQL one that was under way is there, and unsound."""
    database = Database(url)
    database.upgrade()
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    step, later = (schema._scripts().get_revision(name) for name in ("0016", "0017"))
    indexes = {*step.module.INDEXES, *later.module.INDEXES}
    with engine.connect() as connection:
        for name in indexes:
            connection.execute(text(f"DROP INDEX {name}"))
        connection.execute(text("CREATE INDEX calls_by_number_hash ON calls (number_hash)"))
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{step.down_revision}'"))
        connection.execute(text(f"CREATE INDEX calls_by_digits ON {step.module.on('calls_by_digits', engine.dialect.name)}"))
        if engine.dialect.name == "postgresql":
            unsound = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'calls_by_digits'::regclass"
            connection.execute(text(unsound))
    assert database.upgrade() == (step.down_revision, schema.newest())
    with engine.connect() as connection:
        made = set(connection.scalars(text(ahead._MADE[engine.dialect.name])))
    assert indexes <= made
    assert "calls_by_number_hash" not in made
    engine.dispose()
    database.close()


async def test_a_database_of_a_newer_voicebot_is_refused_at_the_start(url: str, tmp_path: Path) -> None:
    """Plainly, and nothing in it is changed."""
    database = Database(url)
    database.upgrade()
    database.close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store = RecordStore(url, spool_dir=tmp_path / "spool")
    with pytest.raises(RecordsError, match=r"written by a newer voicebot: its tables have version 9999, .*restore a backup"):
        await store.start()
    await store.close()
    assert "alembic_version" in inspect(engine).get_table_names()
    engine.dispose()


async def test_a_database_that_is_upgraded_under_a_running_service_makes_its_calls_wait(tmp_path: Path) -> None:
    """They are not refused, and the reason can be read."""
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    newer = Database(url)
    newer.upgrade()
    newer.close()
    connection = sqlite3.connect(tmp_path / "calls.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.execute("DROP TABLE calls")
    connection.commit()
    connection.close()
    store = RecordStore(url, spool_dir=tmp_path / "spool")
    store._writer.start()
    store.save(summary(), [])
    assert await store.flush()
    assert (store.waiting, store.put_aside) == (1, 0)
    assert "written by a newer voicebot" in (store.trouble or "")
    await store.close()


async def test_calls_are_written_found_and_deleted_on_every_kind_of_database(url: str, tmp_path: Path) -> None:
    """The same on a server as in a file; what the server refuses as it stands is put aside, and holds up nothing."""
    store = RecordStore(url, spool_dir=tmp_path / "spool", keep_days=30, number_key=b"key")
    await store.start()
    began = {"t": 0.0, "what": "event", "type": "CallStarted"}
    store.save(summary("theirs", number="+48600100200"), [{"t": 0.0, "what": "note"}, began, heard("zgubiłem kartę")])
    store.save(summary("too-long", line="x" * 200), [])
    store.save(summary("others", number="+48700100200"), [heard("inne")])
    assert await store.flush()
    on_server = not url.startswith("sqlite")
    assert {call.call_id for call in await store.calls()} == {"theirs", "others"} | (set() if on_server else {"too-long"})
    assert (store.waiting, store.put_aside, store.trouble) == (0, int(on_server), None)
    whole, beginning = [await store.find_by_number("+48600100200", whole=each) for each in (True, False)]
    for found, lines in ((whole, 3), (beginning, 1)):
        assert [call.record.summary.call_id for call in found.calls] == ["theirs"]
        assert len(found.calls[0].record.lines) == lines
    assert beginning.calls[0].record.lines == [began]
    assert (await store.erase_by_number("+48600100200")).database == 1
    assert "theirs" not in {call.call_id for call in await store.calls()}
    await store.close()
