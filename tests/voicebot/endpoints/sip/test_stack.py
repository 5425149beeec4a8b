"""How the stack's structures are read, and that another build is refused instead of being misread."""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
import threading

import pytest

from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, settings
from voicebot.endpoints.sip import stack
from voicebot.endpoints.sip.stack import StackUnknown, read_address, sleep_later


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_an_address_is_read(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    raw = struct.pack("=H", family) + struct.pack("!H", 5060) + (b"" if family == socket.AF_INET else bytes(4)) + packed
    buffer = ctypes.create_string_buffer(raw, 128)
    assert read_address(ctypes.addressof(buffer)) == (address, 5060)


def test_an_ipv4_address_on_a_socket_for_both_is_one() -> None:
    raw = struct.pack("=H", socket.AF_INET6) + struct.pack("!H", 5060) + bytes(4)
    raw += socket.inet_pton(socket.AF_INET6, "::ffff:192.0.2.7")
    buffer = ctypes.create_string_buffer(raw, 128)
    assert read_address(ctypes.addressof(buffer)) == ("192.0.2.7", 5060)
    assert read_address(None) == ("", 0)


async def test_another_build_serves_calls_and_says_what_it_cannot(
    start_bot: StartBot, open_probe: OpenProbe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stack, "CHECKED", ("0.5.2a3", "3.0.0"))
    stack.message_layout.cache_clear()
    with pytest.raises(StackUnknown, match="checked were"):
        stack.check_version()
    bot = await start_bot(settings(max_calls=1))
    assert "checked were" in bot.endpoint.unknown_stack
    assert "486" in caplog.text
    probe, another = await open_probe(bot), await open_probe(bot)
    await bot.connect(probe)
    another.invite()
    assert (await another.final("INVITE")).status in (486, 503)
    await probe.bye()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's timer slack is Linux's")
def test_sleeps_of_a_thread_and_of_those_it_starts_end_later_and_no_others() -> None:
    def slack_ns() -> int:
        return int(ctypes.CDLL(None).prctl(30, 0, 0, 0, 0))  # PR_GET_TIMERSLACK

    found: list[int] = []

    def stack_thread() -> None:
        sleep_later(0.006)
        started = threading.Thread(target=lambda: found.append(slack_ns()))
        started.start()
        started.join()
        found.append(slack_ns())

    before = slack_ns()
    thread = threading.Thread(target=stack_thread)
    thread.start()
    thread.join()
    assert found == [6_000_000, 6_000_000]
    assert slack_ns() == before
