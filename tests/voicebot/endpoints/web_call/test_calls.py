"""Calls of the app, placed over HTTP by an aiortc caller, on the real stack."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.voicebot.endpoints.web_call.bank import Bank, bank_with_calls, needs_address, until
from tests.voicebot.running import RunningService

pytest.importorskip("aiortc")
from voicebot.softphone.web_phone import WebCallFailed, WebPhone

pytestmark = needs_address


def url(service: RunningService) -> str:
    return f"http://{service.web.api[0]}:{service.web.api[1]}"


async def hears(phone: WebPhone) -> None:
    """Until the bot's voice comes through."""
    await until(lambda: np.abs(np.frombuffer(phone.read(), dtype=np.int16)).max(initial=0) > 1000)


async def test_a_customer_calls_hears_the_bot_presses_keys_and_hangs_up(tmp_path: Path) -> None:
    bank, shown = Bank(), list[dict[str, Any]]()
    async with bank_with_calls(tmp_path, bank) as service:
        async with WebPhone(url(service)) as phone:
            phone.on_shown = shown.append
            await phone.dial("good-1")
            await hears(phone)
            await until(lambda: any(event["type"] == "bot" for event in shown))
            (call_id,) = service.journals
            await phone.press("1")
            await until(lambda: keys(service, call_id) == ["1"])
            await phone.press_on_screen("2")
            await until(lambda: keys(service, call_id) == ["1", "2"])
        await until(lambda: any(line.get("kind") == "closed" for line in service.journals[call_id]))
        started = next(line for line in service.journals[call_id] if line.get("type") == "CallStarted")
    caller = started["caller"]
    assert (caller["authentication"], caller["customer_ref"], caller["screen"]) == ("app", "c-good-1", "cards")


def keys(service: RunningService, call_id: str) -> list[Any]:
    return [line["key"] for line in service.journals[call_id] if line.get("type") == "KeyPressed"]


async def test_a_ticket_is_good_once(tmp_path: Path) -> None:
    bank = Bank()
    async with bank_with_calls(tmp_path, bank) as service, WebPhone(url(service)) as first, WebPhone(url(service)) as second:
        results = await asyncio.gather(first.dial("good-1"), second.dial("good-1"), return_exceptions=True)
    refused = [result for result in results if isinstance(result, WebCallFailed)]
    assert [(each.status, each.code) for each in refused] == [(401, "ticket.replayed")]
    assert bank.noted("webcall.refused") == [{"code": "ticket.replayed"}]
