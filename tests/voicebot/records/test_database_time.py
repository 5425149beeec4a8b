"""A process whose clock is wrong takes nothing that is another's: what they share goes by the database's time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from tests.voicebot.records.databases import summary
from tests.voicebot.records.servers import database_url, engine, postgres
from voicebot.accounts.roles import Role
from voicebot.accounts.sessions import Sessions
from voicebot.accounts.users import Users
from voicebot.records.call_files import CallFiles
from voicebot.records.database import Database
from voicebot.records.database_time import DatabaseTime
from voicebot.records.retention import Retention
from voicebot.records.spool import Spool
from voicebot.records.summary import CallRecord
from voicebot.releases.models import ProposalRow
from voicebot.releases.store import Checked, Process, Releases, State
from voicebot.review.studies import LINT, Studies

__all__ = ["database_url", "engine", "postgres"]

Wrong = Callable[[float], None]
WRONG_S = (200.0, 40_000.0, -200.0)


def now() -> datetime:
    """As this machine's clock shows it."""
    return datetime.fromtimestamp(time.time(), UTC)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Wrong:
    """Sets this machine's clock: so many seconds before the true time."""
    real = time.time
    return lambda seconds: monkeypatch.setattr(time, "time", lambda: real() + seconds)


@pytest.mark.parametrize("wrong_s", WRONG_S)
def test_the_databases_time_is_the_true_one_on_a_machine_with_a_wrong_clock(
    engine: Engine, machine: Wrong, wrong_s: float
) -> None:
    true = datetime.now(UTC)
    assert DatabaseTime(engine).at(true) == true, "a clock that is right is left as it is"
    machine(wrong_s)
    shared = DatabaseTime(engine)
    assert abs(shared.at(now()) - datetime.now(UTC)) < timedelta(seconds=5)
    machine(-wrong_s)
    assert abs(shared.at(now()) - datetime.now(UTC)) < timedelta(seconds=5), "set right, or wrong again, meanwhile"


@pytest.mark.parametrize("wrong_s", WRONG_S)
def test_no_process_takes_another_for_gone_nor_a_dead_one_for_alive(engine: Engine, machine: Wrong, wrong_s: float) -> None:
    def told(name: str) -> None:
        Releases(engine).tell(Process(name, now(), 1, "", (), ""))

    def there() -> list[str]:
        return [process.name for process in Releases(engine).processes(now())]

    told("right")
    machine(wrong_s)
    told("wrong")
    assert there() == ["right", "wrong"]
    machine(0)
    assert there() == ["right", "wrong"]


@pytest.mark.parametrize("wrong_s", WRONG_S)
def test_checks_and_studies_of_another_process_are_not_taken_for_dead(engine: Engine, machine: Wrong, wrong_s: float) -> None:
    row = {"contents": "b", "base": "a", "authors": [], "by": "sam", "note": "", "at": now(), "state": State.OPEN}
    with engine.begin() as connection:
        connection.execute(insert(ProposalRow).values(**row, closed_by="", closed_why="", checked=Checked.WAITS))
    assert Releases(engine, clock=now).take_for_checks(1, "first")
    began = now()
    assert Studies(engine).begin(LINT, "anna", began)
    machine(wrong_s)
    assert not Releases(engine, clock=now).take_for_checks(1, "second")
    assert not Studies(engine).begin(LINT, "ola", now())
    assert Studies(engine).of(LINT, now()).running
    assert Releases(engine, clock=now).checks_live(1, "first"), "and the other way round"
    Studies(engine).tell(LINT, began, 0.5, "half", now())
    machine(0)
    assert not Releases(engine, clock=now).take_for_checks(1, "second")
    assert Studies(engine).of(LINT, now()).running


def test_a_console_whose_clock_is_ahead_ends_nobodys_session(engine: Engine, machine: Wrong) -> None:
    users = Users(engine)
    anna, jan = (users.add(name, {Role.VIEWER}, made_by="test") for name in ("anna", "jan"))
    cookie = Sessions(engine, clock=now).begin(anna, "password")
    machine(40_000)
    Sessions(engine, clock=now).begin(jan, "password")
    assert Sessions(engine, clock=now).of(cookie) is not None
    machine(0)
    assert Sessions(engine, clock=now).of(cookie) is not None


@contextmanager
def _kept(url: str, folder: Path) -> Iterator[tuple[Database, Retention]]:
    database = Database(url)
    database.write(CallRecord(summary("young", started=datetime.now(UTC) - timedelta(days=1))))
    yield database, Retention(database, Spool(folder / "spool"), CallFiles(None, None), keep_days=30, clock=now)
    database.close()


def test_a_clock_that_is_a_year_ahead_deletes_nothing(database_url: str, tmp_path: Path, machine: Wrong) -> None:
    machine(365 * 86_400)
    with _kept(database_url, tmp_path) as (database, retention):
        retention.work()
        assert database.count() == 1
