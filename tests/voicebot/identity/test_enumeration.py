"""Who the bank's customers are cannot be found out by asking: the same is done for every reference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from dialogs.data.bundle import Bundle
from tests.voicebot.identity.provider import shared
from tests.voicebot.identity.test_advisors import Served, api, served

__all__ = ["api", "served", "shared"]


class Counted:
    """Every question to the state server, by what is asked for, and every text that is looked up."""

    def __init__(self, served: Served, patch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        orderly = served.bank.identity.advisors._shared
        ask, text = orderly.ask, Bundle.text

        async def counted(question: Callable[[Redis], Awaitable[Any]]) -> Any:
            self.done.append("question")
            return await ask(question)

        def looked_up(bundle: Bundle, prompt: Any, *rest: Any) -> Any:
            self.done.append("text" if prompt.id.startswith("matter.") else prompt.id)
            return text(bundle, prompt, *rest)

        patch.setattr(orderly, "ask", counted)
        patch.setattr(Bundle, "text", looked_up)

    def taken(self) -> list[str]:
        done, self.done = self.done, []
        return done


async def test_the_same_is_done_for_every_reference(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the bank is calling them, called them lately, never did, or there is no such customer."""
    await served.show(customer="C-1")
    ended = (await served.show(customer="C-2")).json()["id"]
    assert await served.end(ended) == 204
    counted = Counted(served, monkeypatch)
    work = {}
    for customer in ("C-1", "C-2", "C-3", "no-such", "x" * 64, "0"):
        await served.asks(customer)
        work[customer] = counted.taken()
    assert len(work["C-1"]) >= 6
    assert all(done == work["C-1"] for done in work.values()), work
