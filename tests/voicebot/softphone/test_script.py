"""Scripts survive the trip to the caller's process, and mistakes in them are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from voicebot.softphone import (
    CallScript,
    HangUp,
    Keys,
    OnTransfer,
    Pause,
    Play,
    Say,
    ScriptError,
    UntilEnded,
    UntilSilent,
    UntilSpeaking,
    parse_script,
    run_script_process,
)
from voicebot.softphone.script import script_json

TARGET = "sip:802@127.0.0.1:5060"
FULL = CallScript(
    TARGET,
    (
        UntilSilent(1.0, at_most_s=5),
        Say("I've lost my card", speed=1.2),
        UntilSpeaking(0.5),
        Play(Path("again.wav")),
        Keys("12#", gap_s=0.3),
        Pause(2),
        UntilEnded(10),
        HangUp(),
    ),
    name="lost card",
    number="anonymous",
    display="Anonymous",
    domain="anonymous.invalid",
    headers={"Privacy": "id"},
    codecs=("g722", "pcma"),
    keys_by="info",
    on_transfer=OnTransfer.REFUSE,
    record=Path("heard.wav"),
)


@pytest.mark.parametrize("script", [FULL, CallScript(TARGET)], ids=["full", "least"])
def test_a_script_is_the_same_after_json(script: CallScript) -> None:
    assert parse_script(json.loads(json.dumps(script_json(script)))) == script


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({}, "target"),
        ({"target": "tel:+48221234567"}, "must be a SIP URI"),
        ({"target": TARGET, "colour": "red"}, "colour means nothing"),
        ({"target": TARGET, "codecs": ["g729"]}, "'g729' is none of"),
        ({"target": TARGET, "on_transfer": "shout"}, "shout"),
        ({"target": TARGET, "steps": [{"wait": 1}, {"sing": "a song"}]}, "step 2: name exactly one of"),
        ({"target": TARGET, "steps": [{"say": "a", "wait": 1}]}, "step 1: name exactly one of"),
        ({"target": TARGET, "steps": [{"say": "a", "louder": True}]}, r"step 1 \(say\)"),
    ],
)
def test_a_mistake_is_named(data: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ScriptError, match=complaint):
        parse_script(data)


async def test_what_the_process_complains_of_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="cannot be played"):
        await run_script_process([CallScript(TARGET, (Play(tmp_path / "missing.wav"),))])
