"""What the app shows of a call from it: the bot's question as text and buttons, and whom the customer talks to."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import structlog

from dialogs import Dialog
from dialogs.data.errors import PromptMissing
from dialogs.engine.state import Phase
from dialogs.events import Listen, Say
from voicebot.chat.offers import choices, read_out
from voicebot.chat.wording import written_say
from voicebot.conversation.stage import Stage
from voicebot.errors import StateError
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

_VOICE = "voice"
_LAST_S = 0.5

TellApp = Callable[[str], Awaitable[None]]
"""Tells the app of one call; raises StateError."""


class AppScreen:
    """One call's. Telling takes no time of the call, and what cannot be told is not."""

    def __init__(self, tell: TellApp) -> None:
        self._tell = tell
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue()
        self._telling = asyncio.create_task(self._tell_all(), name="app-screen")

    def show(self, event: Mapping[str, Any]) -> None:
        """One more event, in order."""
        self._waiting.put_nowait(json.dumps(event, ensure_ascii=False))

    def state(self, state: str) -> None:
        """connecting, bot, waiting (a queue is called) or agent."""
        self.show({"type": "state", "state": state})

    async def close(self) -> None:
        """Tell what waits, soon."""
        self._waiting.put_nowait(None)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._telling), _LAST_S)
        await cancelled(self._telling)

    async def _tell_all(self) -> None:
        while (text := await self._waiting.get()) is not None:
            try:
                await self._tell(text)
            except StateError:
                continue  # the call goes on by voice
            except Exception as error:
                log.error("the app cannot be shown what is said", code="app.screen", error=error)


class ShownStage:
    """A stage whose words are also shown; see `voicebot.conversation.stage.Stage`."""

    def __init__(self, stage: Stage, screen: AppScreen, dialog: Dialog, clock: Callable[[], datetime]) -> None:
        self._stage = stage
        self._screen = screen
        self._dialog = dialog
        self._clock = clock

    async def say(self, say: Say) -> None:
        """Speak, and show the words. What is read out one by one is shown as buttons."""
        with contextlib.suppress(PromptMissing, ValueError, KeyError):  # nothing of the screen is worth a word
            bundle, state = self._dialog.bundle, self._dialog.state
            text = written_say(bundle, say, self._clock(), without=read_out(bundle, state), channel=_VOICE)
            if text:
                self._screen.show({"type": "bot", "text": text, "lang": say.language})
            if state.phase is Phase.ANNOUNCING:
                self._show_choices()
        await self._stage.say(say)

    async def listen(self, listen: Listen | None) -> None:
        """Hear, and show what can be chosen."""
        with contextlib.suppress(PromptMissing, ValueError, KeyError):
            self._show_choices()
        await self._stage.listen(listen)

    def _show_choices(self) -> None:
        state = self._dialog.state
        offered = [asdict(choice) for choice in choices(self._dialog.bundle, state, self._clock())]
        self._screen.show({"type": "options", "choices": offered, "digits": state.phase is Phase.COLLECTING})

    async def stop_speaking(self) -> None:
        """See `Stage`."""
        await self._stage.stop_speaking()

    async def resume_speaking(self) -> None:
        """See `Stage`."""
        await self._stage.resume_speaking()

    async def stop_recording(self) -> None:
        """See `Stage`."""
        await self._stage.stop_recording()

    async def hang_up(self) -> None:
        """See `Stage`."""
        await self._stage.hang_up()
