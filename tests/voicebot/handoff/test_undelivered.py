"""Webhook messages on disk: never lost with a process, told by one process at a time, and in nobody's way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.voicebot.handoff.receiver import Receiver, receiving
from tests.voicebot.logged import line_with
from voicebot.handoff import webhook as webhook_module
from voicebot.handoff.undelivered import KEEP_S, Delivery, Undelivered
from voicebot.handoff.webhook import Webhook

SECRET = "a secret of the bank"
TELLER = """
import asyncio, sys
from pathlib import Path
from voicebot.handoff.undelivered import Undelivered
from voicebot.handoff.webhook import Webhook

async def main():
    webhook = Webhook(sys.argv[1], "a secret of the bank", undelivered=Undelivered(Path(sys.argv[2])))
    await webhook.start()
    webhook.fire("case.opened", "id-1", {})
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@asynccontextmanager
async def telling(receiver: Receiver, folder: Path, *, pause: float = 0.0, kept_again_s: float = 0.02) -> AsyncIterator[Webhook]:
    hook = Webhook(
        receiver.url,
        SECRET,
        wait_before=lambda _attempt: pause,
        undelivered=Undelivered(folder),
        kept_again_s=kept_again_s,
    )
    await hook.start()
    try:
        yield hook
    finally:
        await hook.close(grace_s=0.01)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


async def test_a_process_that_is_killed_in_its_first_try_loses_nothing(receiver: Receiver, tmp_path: Path) -> None:
    """The receiver hangs, the process is killed: the next one tells it. So does one that took it over and is killed, too."""
    receiver.stuck = asyncio.Event()
    folder = tmp_path / "webhooks"
    for killed in range(1, 3):
        process = subprocess.Popen([sys.executable, "-c", TELLER, receiver.url, str(folder)])
        await receiver.received(2 * killed - 1)
        await until(lambda: len(files(folder)) >= killed)  # noqa: B023 - awaited here
        process.send_signal(signal.SIGKILL)
        process.wait()
    receiver.stuck.set()
    receiver.requests.clear()
    async with telling(receiver, folder) as after:
        await after.settled()
        assert [each["id"] for each in receiver.messages()] == ["id-1"] * 2, "one of each process that was killed"
        assert files(folder) == []


async def test_in_an_outage_each_message_has_one_teller(receiver: Receiver, tmp_path: Path) -> None:
    """Three processes share the folder; each looks into it all the time."""
    folder = tmp_path / "webhooks"
    receiver.statuses = [503] * 40
    taken: list[str] = []
    async with telling(receiver, folder, pause=0.05) as one, telling(receiver, folder) as two, telling(receiver, folder):
        for number in range(60):
            (one, two)[number % 2].fire("case.opened", f"id-{number}", {})
            await asyncio.sleep(0.002)
        await until(lambda: not receiver.statuses and not files(folder))
        taken = [headers["x-voicebot-delivery"] for headers, _ in receiver.requests[40:]]
    assert sorted(taken) == sorted(f"id-{number}" for number in range(60))


async def test_what_a_process_leaves_is_told_by_another_that_goes_on(receiver: Receiver, tmp_path: Path) -> None:
    """Nobody has to be started again for it."""
    folder = tmp_path / "webhooks"
    async with telling(receiver, folder) as stays:
        receiver.statuses = [503]
        async with telling(receiver, folder, pause=60.0, kept_again_s=60.0) as goes:
            goes.fire("case.opened", "id-1", {})
            await receiver.received(1)
            await asyncio.sleep(0.1)
            assert (stays.delivered, len(files(folder))) == (0, 1), "it is the other's, who lives"
        await until(lambda: stays.delivered == 1)


async def test_one_that_is_never_taken_does_not_stand_before_the_others(receiver: Receiver, tmp_path: Path) -> None:
    """While the receiver is thought to be away one message finds out, each in turn."""
    folder = Undelivered(tmp_path)
    for number in range(3):
        folder.put(Delivery(f"id-{number}", "{}", time.time()))
    folder.close()
    after = Undelivered(tmp_path)
    found = []
    for _ in range(4):
        [(name, delivery)] = after.claim(1)
        found.append(delivery.id)
        after.leave(name)
    after.close()
    assert found == ["id-0", "id-1", "id-2", "id-0"]


async def test_what_is_new_goes_before_what_is_kept(receiver: Receiver, tmp_path: Path) -> None:
    """An agent's screen does not wait for yesterday's messages, and none is lost in a burst that no line can hold."""
    before = Undelivered(tmp_path)
    for number in range(150):
        before.put(Delivery(f"kept-{number}", "{}", time.time()))
    before.close()
    receiver.stuck = asyncio.Event()
    async with telling(receiver, tmp_path) as hook:
        await receiver.received(4)
        assert hook.kept == 150
        for number in range(1100):
            hook.fire("handoff.transfer", f"new-{number}", {})
        receiver.stuck.set()
        receiver.stuck = None
        await until(lambda: not files(tmp_path) and hook.delivered == 1250)
        first = [headers["x-voicebot-delivery"] for headers, _ in receiver.requests][4:504]
        assert all(each.startswith("new-") for each in first)
        assert (hook.kept, hook.given_up) == (0, 0)


async def test_a_receiver_that_asks_for_time_gets_it(receiver: Receiver, tmp_path: Path) -> None:
    """Retry-After (RFC 9110, 10.2.3): nothing is sent before; what comes meanwhile is kept, and told then."""
    receiver.statuses, receiver.headers = [429], {"Retry-After": "1"}
    async with telling(receiver, tmp_path) as hook:
        hook.fire("case.opened", "id-0", {})
        await receiver.received(1)
        await asyncio.sleep(0.1)
        asked = time.monotonic()
        for number in range(1, 6):
            hook.fire("case.opened", f"id-{number}", {})
        await hook.settled()
        assert (len(receiver.requests), hook.kept) == (1, 6)
        await until(lambda: hook.delivered == 6)
        assert time.monotonic() - asked > 0.8


@pytest.mark.parametrize(
    ("first", "again", "taken"),
    [
        (b"", b"", False),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", b"x", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", b"x" * 65_536, True),
    ],
    ids=["never", "byte by byte", "a body without end, byte by byte", "a body without end"],
)
async def test_a_receiver_that_never_ends_its_answer_holds_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bytes, again: bytes, taken: bool
) -> None:
    """Its status says whether it took the message."""
    monkeypatch.setattr(webhook_module, "_TRY_S", 0.2)
    monkeypatch.setattr(webhook_module, "_REST_S", 0.2)

    connections = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b'id-1"')
            await reader.readuntil(b"}}")
            writer.write(first)
            while not reader.at_eof():
                writer.write(again)
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()
        connections -= 1

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with telling(Receiver(url), tmp_path, kept_again_s=60.0) as hook:
            hook.fire("case.opened", "id-1", {})
            async with asyncio.timeout(10):
                await hook.settled()
            assert (hook.delivered, hook.kept) == ((1, 0) if taken else (0, 1))
        await until(lambda: connections == 0)


async def test_a_disk_that_stands_still_holds_up_neither_messages_nor_anything_else(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try waits for no disk; `asyncio.to_thread` has its threads for others."""
    stands, goes = threading.Event(), threading.Event()

    def put(_self: Undelivered, _delivery: Delivery) -> None:
        stands.set()
        goes.wait(20)

    async with telling(receiver, tmp_path) as hook:
        monkeypatch.setattr(Undelivered, "put", put)
        for number in range(50):
            hook.fire("handoff.transfer", f"id-{number}", {})
        await receiver.received(50)
        assert stands.is_set()
        async with asyncio.timeout(5):
            await asyncio.gather(*(asyncio.to_thread(time.monotonic) for _ in range(40)))
        goes.set()
        await hook.settled()
        assert (hook.delivered, hook.given_up) == (50, 0)


async def test_a_folder_that_goes_away_comes_back(receiver: Receiver, tmp_path: Path) -> None:
    """Deleted while the service runs: what is told next is kept again, and is still one teller's."""
    folder = tmp_path / "webhooks"
    receiver.statuses = [503] * 3
    async with telling(receiver, folder, kept_again_s=60.0, pause=60.0) as hook:
        hook.fire("case.opened", "id-0", {})
        await until(lambda: len(files(folder)) == 1)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        hook.fire("case.opened", "id-1", {})
        await until(lambda: len(files(folder)) == 1)
        other = Undelivered(folder)
        assert other.claim(9) == [], "its owner lives"
        other.close()


async def test_where_nothing_can_be_written_messages_are_told_all_the_same(receiver: Receiver, tmp_path: Path) -> None:
    """A full disk, a read-only one; somebody is told."""
    (tmp_path / "webhooks").write_text("a file where the folder should be")
    receiver.statuses = [503]
    with line_with("a webhook message cannot be kept") as line:
        async with telling(receiver, tmp_path / "webhooks") as hook:
            hook.fire("case.opened", "id-1", {})
            await until(lambda: hook.delivered == 1)
            assert (hook.kept, hook.given_up) == (0, 0)
    assert line.fields["id"] == "id-1"
    hook.fire("case.opened", "late", {})
    assert hook.given_up == 1, "after the end a message is counted, and nothing breaks"


def test_files_that_are_no_messages_are_told_of_once_and_go_when_they_are_old(tmp_path: Path) -> None:
    """Cut off, foreign, folders, pipes; drafts and locks of processes that were killed."""
    (tmp_path / "half.json").write_text('{"id": ')
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    for left in (".x.json.0a.draft", ".0123abcd.lock"):
        (tmp_path / left).write_text("{")
    old = tmp_path / "1-old.json"
    old.write_text('{"id": "of-an-earlier-version", "body": "{}"}')
    at = time.time() - 7200
    for path in (old, *tmp_path.glob(".*")):
        os.utime(path, (at, at))
    kept = Undelivered(tmp_path)
    with capture_logs() as lines:
        claimed = [kept.claim(9) for _ in range(3)]
    assert [[delivery.id for _, delivery in each] for each in claimed] == [["of-an-earlier-version"], [], []]
    assert claimed[0][0][1].kept_since == pytest.approx(at, abs=1)
    assert len(lines) == 3
    assert len(list(tmp_path.glob(".*"))) == 1, "its own lock"
    [half] = [path for path in files(tmp_path) if path.is_file() and "of-an-earlier" not in path.read_text()]
    os.utime(half, (at - KEEP_S, at - KEEP_S))
    kept.claim(9)
    assert not half.exists()
    kept.close()
