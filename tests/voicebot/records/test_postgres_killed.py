"""A real PostgreSQL is killed under a real call: the call goes on, and its record is in the database when that is back."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import create_engine, text

from bench.console.servers import PostgresServer
from tests.voicebot.records.servers import killable_postgres
from tests.voicebot.running import open_service
from voicebot.softphone import Keys, Pause, UntilEnded

__all__ = ["killable_postgres"]


def kept(url: str) -> list[tuple[str, str]]:
    """Calls and how they ended."""
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT call_id, outcome FROM calls ORDER BY started"))
        found = [(str(row[0]), str(row[1])) for row in rows]
    engine.dispose()
    return found


async def test_no_call_and_no_record_is_lost(tmp_path: Path, killable_postgres: PostgresServer) -> None:
    server = killable_postgres
    async with open_service(tmp_path, records={"database_url": server.url}) as running:
        await running.call(Pause(1), Keys("9"), UntilEnded(40))
        calling = asyncio.create_task(running.call(Pause(3), Keys("9"), UntilEnded(40)))
        while not len(running.service.stores.live):
            await asyncio.sleep(0.05)
        await asyncio.to_thread(server.kill)
        report, _ = await calling
        assert report.answered
        assert report.transfer_target, "the caller is put through all the same"
        again, _ = await running.call(Pause(1), Keys("9"), UntilEnded(40))
        assert again.transfer_target
        assert running.service.stores.records.trouble is not None
        assert running.service.stores.records.waiting >= 1
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(60):
            while running.service.stores.records.trouble is not None or running.service.stores.records.waiting:
                await asyncio.sleep(0.1)
        calls = await asyncio.to_thread(kept, server.url)
    assert [outcome for _, outcome in calls] == ["handed_over"] * 3
    assert len({call_id for call_id, _ in calls}) == 3, "none twice"
