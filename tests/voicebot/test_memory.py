"""Free memory goes back to the machine when nobody calls."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, end_of, open_probe, start_bot
from voicebot.endpoints.sip import endpoint

__all__ = ["open_probe", "start_bot"]

_HOLES = """
import os
from voicebot.memory import give_back

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

import ctypes
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes, library.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
blocks = [library.malloc(60_000) for _ in range(1000)]  # below what is mapped apart
for block in blocks:
    ctypes.memset(block, 1, 60_000)
for block in blocks[:-1]:
    library.free(block)  # the last one keeps the heap where it is
before = resident()
assert give_back()
print(before - resident())
"""


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="the function is glibc's")
def test_what_is_free_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", _HOLES], capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) > 40_000_000


async def test_after_the_last_call_memory_is_given_back(
    start_bot: StartBot, open_probe: OpenProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bool] = []
    monkeypatch.setattr(endpoint, "_QUIET_S", 0.3)
    monkeypatch.setattr(endpoint, "give_back", lambda: given.append(True))
    bot = await start_bot()
    for _ in range(3):
        probe = await open_probe(bot)
        leg = await bot.connect(probe)
        await probe.bye()
        await end_of(leg)
    await until(lambda: given)


_STAYS = """
import gc
import weakref
from voicebot.memory import keep_for_good

class Node: ...

def cycle():
    one, other = Node(), Node()
    one.other, other.one = other, one
    return weakref.ref(one)

base = [Node() for _ in range(100_000)]
before = cycle()
keep_for_good()
after = cycle()
gc.collect()
print(before() is None, after() is None, gc.get_freeze_count() >= len(base), len(gc.get_objects()) < 10_000)
"""


def test_what_is_there_at_the_start_is_looked_through_once() -> None:
    """What comes later is collected as ever."""
    done = subprocess.run([sys.executable, "-c", _STAYS], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 4
