"""What a process opens at its start is for its eyes only, and the same for all processes of one service."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from pydantic import SecretStr

from tests.voicebot.logged import line_with
from tests.voicebot.state.servers import StateServer, server
from voicebot.config.settings import Records, Settings, State
from voicebot.conversation.session import utc_now
from voicebot.handoff.undelivered import undelivered_folder
from voicebot.stores import local_secret, open_stores, private_places

__all__ = ["server"]
NUMBER = "+48600100200"


def settings_in(folder: Path, server: StateServer, secret: str | None = None) -> Settings:
    state = State(redis_url=server.url, data_dir=folder, secret=SecretStr(secret) if secret else None)
    return Settings(state=state, records=Records(folder=folder / "calls"))


async def test_processes_with_one_state_server_know_callers_by_the_same_keys(server: StateServer, tmp_path: Path) -> None:
    """What one remembers of a caller the other finds; so it is with a configured secret, which stays out of the server."""
    for secret in (None, "a secret that the bank has configured"):
        async with AsyncExitStack() as stack:
            first, second = [
                await open_stores(settings_in(tmp_path / f"{name}-{secret is None}", server, secret), stack, clock=utc_now)
                for name in ("a", "b")
            ]
            first.memory.prefer(NUMBER, "slow", on=True)
            await first.shared.flush()
            assert (await second.memory.recall(NUMBER)).preferences == ("slow",)
            assert first.records.number_hash(NUMBER) == second.records.number_hash(NUMBER) is not None
            assert (tmp_path / f"a-{secret is None}" / "secret").exists() is (secret is None)
    assert local_secret(settings_in(tmp_path / "a-True", server)) == local_secret(settings_in(tmp_path / "b-True", server))
    assert local_secret(settings_in(tmp_path / "nothing", server)) is None


async def test_what_was_open_to_others_is_closed_at_the_start(server: StateServer, tmp_path: Path) -> None:
    """Of an earlier version, or of a hand that copied it."""
    data, calls = tmp_path / "data", tmp_path / "data" / "calls"
    calls.mkdir(parents=True)
    (data / "calls.db").touch()
    for path, mode in ((data, 0o755), (calls, 0o755), (data / "calls.db", 0o644)):
        path.chmod(mode)
    async with AsyncExitStack() as stack:
        with line_with("were open to other users", why=str(calls)) as told:
            await open_stores(settings_in(data, server), stack, clock=utc_now)
            await told.written()
        assert [path.stat().st_mode & 0o777 for path in (data, calls, data / "calls.db")] == [0o700, 0o700, 0o600]


def test_messages_that_wait_are_private_in_every_process(tmp_path: Path) -> None:
    """The calls' and the web's: they name callers."""
    folders = [undelivered_folder(tmp_path, process) for process in ("calls", "web")]
    for folder in folders:
        folder.mkdir()
    assert set(folders) <= set(private_places(Settings(state=State(data_dir=tmp_path))))
