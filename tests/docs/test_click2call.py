"""The examples of docs/click2call.md run, and its tables are the code's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from caller_id.ticket import Refusal
from tests.docs.tables import DOCS, table
from tests.voicebot.identity.bank import Clock, opened
from tests.voicebot.state.servers import server, shared
from tests.voicebot.web.serving import Api, api
from voicebot.http.server import listen, serve
from voicebot.state.shared import SharedState
from voicebot.web.app import build_app
from voicebot.web.tickets import TicketOrder

__all__ = ["api", "server", "shared"]

PAGE = (DOCS / "click2call.md").read_text(encoding="utf-8")
CLIENT, KEY = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


class Now(Clock):
    """The example goes by the machine's time."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
async def url(api: Api, shared: SharedState, tmp_path: Path) -> AsyncIterator[str]:
    async with opened(shared, tmp_path, clock=Now()) as bank:
        serving = await serve(build_app(replace(api.parts, identity=bank.identity)), listen("127.0.0.1", 0, setting="test"))
        yield f"http://127.0.0.1:{serving.port}"
        await serving.close()


async def test_the_example_gets_a_ticket(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the key that the example makes."""
    monkeypatch.chdir(tmp_path)

    def follow() -> Any:
        for code in (KEY, CLIENT):
            names: dict[str, Any] = {}
            own = code.replace("https://hotline.bank.example", url).replace('"bank-app"', '"app"')
            exec(compile(own.replace("bank-app.", "app."), "click2call.md", "exec"), names)
        return names["ticket"]("c-4711", "app-pin", datetime.now(UTC).isoformat(), "cards/blocked")

    told = await asyncio.to_thread(follow)
    assert told["ticket"].count(".") == 2
    assert told["code"] is None


def test_the_table_of_the_order_is_the_form_of_the_order() -> None:
    rows = table("click2call.md", "What you send")
    assert {name: row[""] == "required" for name, row in rows.items()} == {
        name: field.is_required() for name, field in TicketOrder.model_fields.items()
    }


def test_every_refusal_is_told() -> None:
    told = PAGE.split("## When it is refused", 1)[1]
    assert {
        reason for reason in Refusal if reason not in (Refusal.CODE, Refusal.TRIES) and f"{reason.value}`" not in told
    } == set()
