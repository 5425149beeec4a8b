"""A call in text masks what only the turns before tell to be a secret, as a call on the telephone does."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from caller_id.types import Caller
from dialogs.data.bundle import load_bundle
from dialogs.events import CallStarted
from dialogs.rehearsal.rehearsal import Exchange
from voicebot.talk import CallerTurn, TextCall


def test_a_secret_over_several_turns_is_masked() -> None:
    exchanges: list[Exchange] = []
    noon = datetime(2026, 11, 18, 12, 0, tzinfo=ZoneInfo("Europe/Warsaw"))
    call = TextCall(load_bundle(None), None, at=noon, show=exchanges.append)
    call.run(
        CallStarted(Caller()), [CallerTurn("say", "moje hasło to"), CallerTurn("say", "kotek"), CallerTurn("say", "przelew")]
    )
    told = str(exchanges)
    assert "moje hasło to" in told
    assert "kotek" not in told
    assert "przelew" in told
