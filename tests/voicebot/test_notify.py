"""What systemd is told, read from a real socket as systemd would."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from voicebot.notify import ALIVE, READY, beat, notify, reloading, status, watchdog_s
from voicebot.tasks import cancelled

LIMIT_S = 10.0


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket that NOTIFY_SOCKET names."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(LIMIT_S)
        listener.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def test_without_systemd_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a developer's machine, in a container."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert notify(READY) is False


def test_systemd_is_told(systemd: socket.socket) -> None:
    """Word for word; a status is one line, or it would set other variables."""
    assert notify(READY)
    assert systemd.recv(4096) == b"READY=1"
    assert status("12 calls\nREADY=1")
    assert systemd.recv(4096) == b"STATUS=12 calls READY=1"


def test_reloading_carries_the_time(systemd: socket.socket) -> None:
    """systemd orders it by the monotonic clock (sd_notify(3))."""
    before = time.monotonic_ns() // 1000
    assert reloading()
    lines = systemd.recv(4096).decode().splitlines()
    assert lines[0] == "RELOADING=1"
    assert before <= int(lines[1].removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


def test_an_abstract_socket_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd may use one: its name is written with @."""
    name = f"voicebot-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(LIMIT_S)
        listener.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        assert notify(READY)
        assert listener.recv(4096) == b"READY=1"


@pytest.mark.parametrize("address", ["/nonexistent/notify", "tcp:1.2.3.4", ""])
def test_a_socket_that_is_not_there_harms_nobody(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls matter more than who is told of them."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert notify(READY) is False


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("30000000", None, 30.0),
        ("30000000", "self", 30.0),
        ("30000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_the_watchdog_is_for_the_process_it_names(
    usec: str | None, pid: str | None, expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child inherits the variables and must not answer for its parent (sd_watchdog_enabled(3))."""
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if usec is not None:
        monkeypatch.setenv("WATCHDOG_USEC", usec)
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "self" else pid)
    assert watchdog_s() == expected


async def test_no_task_is_kept_where_no_watchdog_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task ends by itself."""
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    await asyncio.wait_for(beat(), LIMIT_S)


async def test_signs_of_life_come_again_and_again(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the loop itself: one that stands still gives none."""
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    beating = asyncio.create_task(beat())
    for _ in range(3):
        assert await asyncio.to_thread(systemd.recv, 4096) == ALIVE.encode()
    await cancelled(beating)


async def test_a_service_that_cannot_go_on_gives_no_sign_of_life(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its loop may run on for ever."""
    monkeypatch.setenv("WATCHDOG_USEC", "3000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    asked: list[bool] = []
    enough = asyncio.Event()

    def healthy() -> bool:
        asked.append(False)
        if len(asked) == 3:
            enough.set()
        return False

    beating = asyncio.create_task(beat(healthy))
    async with asyncio.timeout(LIMIT_S):
        await enough.wait()
    await cancelled(beating)
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(4096)
