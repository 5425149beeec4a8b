"""The stage of a chat: it "speaks" by sending text, which is heard at once, and shows what can be chosen as buttons."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from dialogs import Dialog
from dialogs.engine.state import Phase
from dialogs.events import Action, CollectKeys, Event, Listen, Say, Wait
from voicebot.chat.offers import announcements, choices, read_out
from voicebot.chat.settings import ChatSettings
from voicebot.chat.wording import written_say
from voicebot.conversation import rescue
from voicebot.conversation.driver import CallDriver
from voicebot.conversation.stage import Conversation

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class ChatStage:
    """One customer's side of the screen; see `voicebot.conversation.stage.Stage`."""

    def __init__(
        self,
        dialog: Dialog,
        send: Send,
        *,
        clock: Callable[[], datetime],
        settings: ChatSettings,
        there: Callable[[str], bool] = lambda queue: True,
    ) -> None:
        """`there` tells whether anybody takes the chats of a queue: nobody is told that they are put through to nobody."""
        self._dialog = dialog
        self._there = there
        self._send = send
        self._clock = clock
        self._settings = settings
        self._driver: CallDriver | None = None
        self._held: dict[str, asyncio.TimerHandle] = {}
        self.words_dropped = False

    def drive(self, driver: CallDriver) -> None:
        """Report to this driver."""
        self._driver = driver

    @property
    def speaking(self) -> bool:
        """An announcement stands that can still be answered."""
        return bool(self._held)

    @property
    def collecting(self) -> bool:
        """The dialogue takes a number, key by key."""
        return self._dialog.state.phase is Phase.COLLECTING

    async def say(self, say: Say) -> None:
        """Send the text. It counts as heard at once; one that offers keys stands for a while, so that they can be chosen."""
        bundle, state = self._dialog.bundle, self._dialog.state
        unkept = self._promised_in_vain(say)
        text = written_say(bundle, say, self._clock(), without=read_out(bundle, state) | unkept)
        if text:
            await self._send({"type": "bot", "text": text, "lang": say.language})
        announced = state.phase is Phase.ANNOUNCING and say.mark == state.mark and say.barge_in and not unkept
        if announced and choices(bundle, state, self._clock()):
            loop = asyncio.get_running_loop()
            self._held[say.mark] = loop.call_later(self._settings.keys_held_s, self._heard, say.mark, True)
        else:
            self._heard(say.mark, finished=True)

    def _promised_in_vain(self, say: Say) -> frozenset[str]:
        """The prompts that announce a human where nobody takes the chats: they are left out, and what follows is the truth."""
        bundle, target = self._dialog.bundle, self._dialog.state.target
        queue = bundle.default_queue if target is None or say.mark == rescue.ANNOUNCE else target.queue
        if self._there(queue):
            return frozenset()
        announcing = announcements(bundle)
        return frozenset(
            prompt.id for prompt in say.prompts if prompt.id.partition(".")[0] in announcing or prompt.id == rescue.ANNOUNCE
        )

    async def stop_speaking(self) -> None:
        """What stands is cut short: the customer answered."""
        for mark in tuple(self._held):
            self._heard(mark, finished=False)

    async def resume_speaking(self) -> None:
        """Nothing pauses in writing."""

    async def listen(self, listen: Listen | None) -> None:
        """Show what can be chosen, and whether digits can be typed."""
        offered = choices(self._dialog.bundle, self._dialog.state, self._clock())
        await self._send({"type": "options", "choices": [asdict(choice) for choice in offered], "digits": self.collecting})

    async def stop_recording(self) -> None:
        """The customer's words are left out of the record."""
        self.words_dropped = True

    async def hang_up(self) -> None:
        """The session ends the connection once the driver is done."""

    def close(self) -> None:
        """Nothing is reported any more."""
        for handle in self._held.values():
            handle.cancel()
        self._held.clear()

    def _heard(self, mark: str, finished: bool) -> None:
        handle = self._held.pop(mark, None)
        if handle is not None:
            handle.cancel()
        if self._driver is not None:
            self._driver.playback_stopped(mark, finished=finished, played_s=0.0)


class PatientConversation:
    """A conversation that waits as long as a writer needs: every silence of the dialogue is stretched."""

    def __init__(self, conversation: Conversation, settings: ChatSettings) -> None:
        self._conversation = conversation
        self._settings = settings

    def handle(self, event: Event, now: datetime) -> list[Action]:
        """See `voicebot.conversation.stage.Conversation`."""
        return [self._stretched(action) for action in self._conversation.handle(event, now)]

    def _stretched(self, action: Action) -> Action:
        match action:
            case Listen():
                return replace(action, no_input_s=self._longer(action.no_input_s))
            case CollectKeys():
                return replace(action, timeout_s=self._longer(action.timeout_s), by_voice=False)  # numbers are typed
            case Wait():
                return replace(action, seconds=self._longer(action.seconds))
        return action

    def _longer(self, seconds: float) -> float:
        return max(seconds * self._settings.patience_times, self._settings.longest_silence_s)
