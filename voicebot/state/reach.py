"""Reaching the shared state from a command, whether the service runs or not."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from voicebot.errors import EmbeddedStateError, StateError
from voicebot.state.embedded import EmbeddedValkey, running_server
from voicebot.state.shared import SharedState

_PATIENT_S = 20.0  # no caller waits
_REWRITE_S = 300.0
_ASK_EVERY_S = 0.05


@asynccontextmanager
async def reached_state(redis_url: str | None, folder: Path) -> AsyncIterator[SharedState]:
    """The state of the service: in the Redis at `redis_url`, or in the embedded server of `folder`, which is started when the
    service does not run. Raises StateError.
    """
    url = redis_url or await asyncio.to_thread(running_server, folder)
    server = None
    if url is None:
        _refuse_root(folder)
        server = EmbeddedValkey(folder)
        await asyncio.to_thread(server.start)
        url = server.url
    shared = SharedState(url, deadline_s=_PATIENT_S)
    try:
        await shared.start()
        yield shared
    finally:
        await shared.close()
        if server is not None:
            await asyncio.to_thread(server.stop)


def write_anew(server: Redis) -> None:
    """Let the embedded server write its append-only file anew, so that it is small and holds nothing that was deleted. Blocks.

    Raises StateError.
    """
    try:
        _wait_for_rewrite(server)  # one that began earlier may hold what was deleted since
        server.bgrewriteaof()
        _wait_for_rewrite(server)
    except RedisError as error:
        raise StateError(f"the state server does not write its file anew: {error}. Is the disk full?") from error


def _wait_for_rewrite(server: Redis) -> None:
    deadline = time.monotonic() + _REWRITE_S
    while True:
        told = server.info("persistence")
        if not told["aof_rewrite_in_progress"] and not told["aof_rewrite_scheduled"]:
            break
        if time.monotonic() > deadline:
            raise StateError("the state server has been writing its file anew for too long. Is the disk full?")
        time.sleep(_ASK_EVERY_S)
    if told["aof_last_bgrewrite_status"] != "ok":
        raise StateError("the state server could not write its file anew. Is the disk full?")


def _refuse_root(folder: Path) -> None:
    """Files that root makes there would keep the service out."""
    above = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    owner = above.stat().st_uid
    if os.geteuid() == 0 != owner:
        raise EmbeddedStateError(
            f"{folder} is the service's: run this as its user, not as root. Write: runuser -u '#{owner}' -- voicebot …"
        )
