"""Whatever brings records into the database may be killed at the worst moment, and begun again: all are there, each once."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.voicebot.records.databases import heard, summary
from tests.voicebot.records.servers import database_url, postgres
from voicebot.records.again import try_again
from voicebot.records.call_files import CallFiles
from voicebot.records.database import Database
from voicebot.records.engine import open_engine
from voicebot.records.models import LineRow, UtteranceRow
from voicebot.records.spool import Spool
from voicebot.records.summary import CallRecord
from voicebot.records.writer import RecordWriter

__all__ = ["database_url", "postgres"]

WAITING, WRITTEN = 6, 3


def bring_in(url: str, spool: Spool, how: str) -> None:
    database = Database(url)
    if how == "voicebot records retry":
        try_again(database, spool)
    else:
        RecordWriter(database, spool, CallFiles(None))._write_waiting()
    database.close()


@pytest.mark.parametrize("how", ["voicebot records retry", "the service after an outage"])
def test_records_that_waited_are_there_once_though_the_process_was_killed(database_url: str, tmp_path: Path, how: str) -> None:
    """Killed when a record is in the database, and its file is still there."""
    spool = Spool(tmp_path / "spool")
    for number in range(WAITING):
        path = spool.put(CallRecord(summary(f"c{number}"), [heard("zgubiłam kartę")]))
        if how == "voicebot records retry":
            spool.reject(path)
    first = Database(database_url)
    first.upgrade()
    first.close()
    killed = os.fork()
    if not killed:
        done, many = Spool.done, [0]

        def killing(self: Spool, path: Path) -> None:
            many[0] += 1
            if many[0] == WRITTEN:
                os.kill(os.getpid(), signal.SIGKILL)
            done(self, path)

        Spool.done = killing  # type: ignore[method-assign]
        bring_in(database_url, spool, how)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(killed, 0)[1]) == signal.SIGKILL
    left = [*spool.waiting(), *spool.rejected()]
    assert len(left) == WAITING - WRITTEN + 1
    bring_in(database_url, spool, how)
    assert [*spool.waiting(), *spool.rejected()] == []
    engine = open_engine(database_url)
    with Session(engine) as session:
        for table in (LineRow, UtteranceRow):
            assert session.scalar(select(func.count()).select_from(table)) == WAITING
    engine.dispose()
