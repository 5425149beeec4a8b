"""What is told of the health is made seldom, however often it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from voicebot.health.kept import Kept, KeptByKey
from voicebot.health.report import Part
from voicebot.health.routes import health_app
from voicebot.http.server import listen, serve


async def test_all_who_ask_meanwhile_and_soon_after_get_one_answer() -> None:
    """One of them may go away without taking it from the others."""
    made, go_on = 0, asyncio.Event()

    async def make() -> int:
        nonlocal made
        made += 1
        await go_on.wait()
        return made

    kept = Kept(make, 60.0)
    asking = [asyncio.create_task(kept()) for _ in range(10)]
    await asyncio.sleep(0)
    asking[0].cancel()
    go_on.set()
    assert await asyncio.gather(*asking[1:]) == [1] * 9
    assert await kept() == 1


async def test_an_answer_that_is_old_is_made_again() -> None:
    """And with no time given, each time."""
    made = iter(range(10))

    async def make() -> int:
        return next(made)

    kept = Kept(make, 0.0)
    assert [await kept(), await kept()] == [0, 1]


async def test_an_error_is_told_and_not_kept() -> None:
    """The next one who asks may have more luck."""
    answers = iter([ValueError("away"), None, None])

    async def make() -> str:
        error = next(answers)
        if error is not None:
            raise error
        return "well"

    kept = Kept(make, 60.0)
    with pytest.raises(ValueError, match="away"):
        await kept()
    assert await kept() == "well"
    assert await kept() == "well"


async def test_a_flood_on_the_local_socket_looks_at_no_part_more_than_once_and_holds_no_connection() -> None:
    """The loop that answers moves the callers' sound."""
    looked = 0

    def look() -> None:
        nonlocal looked
        looked += 1

    async def figures() -> str:
        nonlocal looked
        looked += 1
        return "a 1\n"

    server = await serve(health_app([Part("sip", look)], figures), listen("127.0.0.1", 0, setting="test"))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(20):
            for path in ("/health/ready", "/metrics"):
                answer = await client.get(path)
                assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert looked <= 2 * (1 + (loop.time() - began) // 0.5)
        assert (await client.get("/nothing")).headers["connection"] == "close"
    await server.close()


async def test_an_answer_is_kept_for_each_key_and_the_oldest_is_forgotten() -> None:
    made: list[str] = []
    kept = KeptByKey[str](60.0, most=2)

    def make(key: str) -> Callable[[], Awaitable[str]]:
        async def answer() -> str:
            made.append(key)
            return key

        return answer

    for key in ("a", "b", "a", "c", "a", "b"):
        assert await kept(key, make(key)) == key
    assert made == ["a", "b", "c", "b"]
