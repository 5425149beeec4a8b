"""A scripted call as the bank's app places it: over HTTP and WebRTC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from audio.synthesis import Sound
from voicebot.softphone.script import CallScript, Step
from voicebot.softphone.scripted_call import OnMoment, ScriptedCall
from voicebot.softphone.web_phone import RATE, WebCallFailed, WebPhone


class WebScriptedCall(ScriptedCall):
    """Follows one script in the app's place. What the app is shown is on the timeline as "shown"."""

    def __init__(self, script: CallScript, sounds: Mapping[Step, Sound], on_moment: OnMoment) -> None:
        super().__init__(script, sounds, on_moment)
        self._phone = WebPhone(script.target)
        self._phone.on_shown = self._shown
        self._rate = RATE

    async def _connect(self) -> int:
        self._timeline.note("dialling", detail=self._script.target)
        await self._phone.offer()
        self._timeline.note("offered")
        try:
            await self._phone.dial(self._script.ticket)
        except (WebCallFailed, httpx.HTTPError) as error:
            self._close_reason = str(error) or type(error).__name__
            self._timeline.note("ended", detail=self._close_reason)
            await self._phone.vanish()
            return error.status if isinstance(error, WebCallFailed) else 503
        self._answered_at = self._timeline.answered()
        return 0

    def _shown(self, event: dict[str, Any]) -> None:
        match event:
            case {"type": "bot", "text": str(text)}:
                self._timeline.note("shown", detail=text)
            case {"type": "state", "state": str(state)}:
                self._timeline.note(f"state_{state}")
            case {"type": "ended"}:
                self._close_reason = "the call ended"
                self._timeline.note("ended")
                self._ended.set()

    def _send(self, pcm: bytes) -> int:
        self._phone.sound.say(pcm)
        return len(pcm)

    def _unsent(self) -> int:
        return self._phone.sound.waiting

    def _receive(self) -> bytes:
        return self._phone.read()

    async def _press_key(self, key: str) -> None:
        await self._phone.press(key)

    async def _hang_up(self) -> None:
        await self._phone.hang_up()
