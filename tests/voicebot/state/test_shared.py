"""The connection to the state server, and what happens when the server does not play along."""

from __future__ import annotations

import asyncio
import time
from typing import cast

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from structlog.testing import capture_logs

from tests.voicebot.logged import line_with
from tests.voicebot.state.servers import StateServer, back, connect
from voicebot.errors import StateError, StateUnavailable
from voicebot.state.shared import SharedState, Write


async def read(shared: SharedState, name: str) -> str | None:
    async def question(redis: Redis) -> str | None:
        return cast("str | None", await redis.get(name))

    return await shared.ask(question)


async def read_when_back(shared: SharedState, name: str) -> str | None:
    """The answer once the server is known to be back."""
    await back(shared)
    return await read(shared, name)


def setting(name: str, value: str) -> Write:
    def write(pipeline: Pipeline) -> None:
        pipeline.set(name, value)

    return write


async def test_what_is_written_later_can_be_read(shared: SharedState) -> None:
    """Once flushed, it is there."""
    shared.write_later("a", setting("a", "1"))
    await shared.flush()
    assert await read(shared, "a") == "1"
    assert not shared.waits("a")


async def test_of_writes_under_one_name_the_last_counts(shared: SharedState) -> None:
    """And thousands of names arrive in batches."""
    for number in range(2000):
        shared.write_later(f"n{number}", setting(f"n{number}", "first"))
        shared.write_later(f"n{number}", setting(f"n{number}", "last"))
    assert shared.pending == 2000
    await shared.flush()
    assert [await read(shared, "n0"), await read(shared, "n1999")] == ["last", "last"]


async def test_a_write_given_up_is_never_made(server: StateServer, shared: SharedState) -> None:
    """What was withdrawn while the server was away stays withdrawn."""
    server.kill()
    shared.write_later("a", setting("a", "1"))
    shared.write_later("b", setting("b", "1"))
    shared.give_up("a")
    server.start_again()
    await shared.flush()
    assert [await read_when_back(shared, "a"), await read(shared, "b")] == [None, "1"]


async def test_questions_to_an_absent_server_are_refused_and_answered_again_when_it_is_back(
    server: StateServer, shared: SharedState
) -> None:
    """The breaker opens, and closes by itself."""
    server.kill()
    for _ in range(3):
        with pytest.raises(StateUnavailable):
            await read(shared, "a")
    assert not shared.available
    server.start_again()
    assert await read_when_back(shared, "a") is None
    assert shared.available


async def test_a_frozen_server_costs_a_caller_no_more_than_the_deadline(server: StateServer, shared: SharedState) -> None:
    """It accepts connections and answers nothing: the worst kind of away."""
    server.freeze()
    try:
        async with asyncio.timeout(5):  # without a deadline of its own the question would wait for ever
            with pytest.raises(StateUnavailable):
                await read(shared, "a")
    finally:
        server.thaw()
    assert await read_when_back(shared, "a") is None


async def test_a_process_that_is_late_itself_does_not_take_the_server_for_away(server: StateServer) -> None:
    """In a burst of calls the event loop stands still for longer than the deadline: the answer has long been there."""
    shared = SharedState(server.url, deadline_s=0.5)
    asking = asyncio.create_task(read(shared, "a"))
    for _ in range(3):
        await asyncio.sleep(0)
    time.sleep(0.8)
    assert await asking is None
    await shared.close()


async def test_hundreds_of_questions_at_once_are_all_answered(shared: SharedState) -> None:
    """As when many browsers come back together: the server is not away because the client has no connection left."""
    answers = await asyncio.gather(*(read(shared, f"n{number}") for number in range(500)))
    assert answers == [None] * 500
    assert shared.available


async def test_of_many_questions_that_fail_together_one_is_told(server: StateServer, shared: SharedState) -> None:
    """A busy service must not fill its log with one fact."""
    server.freeze()
    try:
        with capture_logs() as told:
            await asyncio.gather(*(read(shared, "a") for _ in range(50)), return_exceptions=True)
    finally:
        server.thaw()
    assert [each["event"] for each in told].count("state server away") == 1


async def test_writes_made_while_the_server_was_away_arrive_when_it_is_back(server: StateServer, shared: SharedState) -> None:
    """The last of each name."""
    server.kill()
    for value in ("1", "2", "3"):
        shared.write_later("a", setting("a", value))
    with pytest.raises(StateUnavailable):
        await read(shared, "a")
    assert shared.waits("a")
    server.start_again()
    await shared.flush()
    assert await read_when_back(shared, "a") == "3"


async def test_a_refused_write_does_not_hold_up_the_others(shared: SharedState) -> None:
    """The server says no to this one for good."""

    def wrong(pipeline: Pipeline) -> None:
        pipeline.lpush("text", "x")

    shared.write_later("text", setting("text", "1"))
    shared.write_later("wrong", wrong)
    shared.write_later("after", setting("after", "1"))
    await shared.flush()
    assert [await read(shared, "text"), await read(shared, "after"), shared.pending] == ["1", "1", 0]


async def test_what_was_to_be_kept_is_not_quoted_when_the_server_refuses_it(shared: SharedState) -> None:
    """The client adds the command to the server's words, with a number or a name in it."""
    shared.write_later("text", setting("text", "1"))

    def wrong(pipeline: Pipeline) -> None:
        pipeline.lpush("text", "+48600100200")
        pipeline.execute_command("NONSENSE", "+48600100200")

    async def question(redis: Redis) -> object:
        async with redis.pipeline(transaction=True) as pipeline:
            pipeline.lpush("text", "+48600100200")
            return await pipeline.execute()

    with line_with("refused a write") as line:
        shared.write_later("wrong", wrong)
        await line.written()
    await shared.flush()
    with pytest.raises(StateError, match="WRONGTYPE") as refused:
        await shared.ask(question)
    assert "600100" not in f"{line.fields} {refused.value} {refused.value.__cause__}"


async def test_a_write_that_cannot_be_sent_is_given_up_alone(shared: SharedState) -> None:
    """A mistake in one place must not stop all shared state."""

    def impossible(pipeline: Pipeline) -> None:
        pipeline.set("x", object())  # type: ignore[arg-type]

    def broken(pipeline: Pipeline) -> None:
        raise ZeroDivisionError

    for number, write in enumerate((setting("a", "1"), impossible, setting("b", "1"), broken, setting("c", "1"))):
        shared.write_later(f"w{number}", write)
    async with asyncio.timeout(10):
        await shared.flush()
    assert [await read(shared, name) for name in "abc"] == ["1", "1", "1"]
    shared.write_later("later", setting("later", "1"))
    await shared.flush()
    assert await read(shared, "later") == "1"


async def test_a_write_that_is_withdrawn_while_it_fails_takes_no_other_with_it(shared: SharedState) -> None:
    """What is given up is what was tried, not whatever stands first by then."""
    tries: list[bool] = []

    def odd(pipeline: Pipeline) -> None:
        tries.append(True)
        if len(tries) == 2:  # by itself now
            shared.give_up("odd")
        raise ZeroDivisionError

    shared.write_later("odd", odd)
    shared.write_later("a", setting("a", "1"))
    await shared.flush()
    assert await read(shared, "a") == "1"


async def test_a_refused_question_is_no_outage(shared: SharedState) -> None:
    """The server answered: others may go on asking."""

    async def question(redis: Redis) -> object:
        return await redis.rename("missing", "new")

    for _ in range(5):
        with pytest.raises(StateError) as refused:
            await shared.ask(question)
        assert not isinstance(refused.value, StateUnavailable)
    assert shared.available


async def test_a_cancelled_question_leaves_the_connection_usable(server: StateServer, shared: SharedState) -> None:
    """A caller who hangs up mid-question must not get another's answer mixed up."""
    shared.write_later("a", setting("a", "1"))
    await shared.flush()
    server.freeze()
    asking = asyncio.create_task(read(shared, "b"))
    await asyncio.sleep(0)
    asking.cancel()
    server.thaw()
    await asyncio.gather(asking, return_exceptions=True)
    assert await read_when_back(shared, "a") == "1"


async def test_closing_writes_what_waits(server: StateServer) -> None:
    """A service that stops loses nothing it could still write."""
    state = connect(server)
    await state.start()
    state.write_later("a", setting("a", "1"))
    await state.close()
    after = connect(server)
    assert await read(after, "a") == "1"
    await after.close()


async def test_closing_does_not_wait_for_an_absent_server(server: StateServer) -> None:
    """Stopping takes the grace given, not for ever."""
    state = connect(server)
    await state.start()
    server.kill()
    state.write_later("a", setting("a", "1"))
    async with asyncio.timeout(10):
        await state.close(grace_s=0.05)


async def test_closing_waits_for_questions_that_take_their_time_to_end(server: StateServer) -> None:
    """Nothing of the connection outlives it."""
    state = connect(server)
    ending = asyncio.Event()

    async def stubborn(_redis: Redis) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # cleaning up takes a moment
            await asyncio.sleep(0)
            ending.set()

    with pytest.raises(StateUnavailable):
        await state.ask(stubborn)
    await state.close()
    assert ending.is_set()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "state-question"]
