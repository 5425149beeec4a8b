"""The far end of a leg by ARI: a caller behind the fake Asterisk."""

from __future__ import annotations

import asyncio

from tests.voicebot.endpoints.asterisk.bot import AriBot
from tests.voicebot.endpoints.contract.far_end import SETTLE_S, Answer
from tests.voicebot.endpoints.looking import until
from voicebot.endpoints.leg import Leg

DEADLINE_S = 10.0


class AriFarEnd:
    """Implements `FarEnd`."""

    tells_sip_status = False

    def __init__(self, bot: AriBot) -> None:
        self._bot = bot
        self._asterisk = bot.asterisk
        self._leg: Leg | None = None
        self._held = False
        self._continues = 0

    async def dial(self) -> Leg:
        self._leg = await self._bot.leg()
        return self._leg

    async def connected(self) -> None:
        channel = self._channel
        await until(lambda: channel.bridge)
        await until(lambda: any(media.speaking for media in self._asterisk.media_of(channel)))

    @property
    def _channel(self):  # type: ignore[no-untyped-def]
        assert self._bot.channel is not None
        return self._bot.channel

    async def press(self, key: str) -> None:
        await self._asterisk.press(self._channel, key)

    async def hold(self) -> None:
        if self._leg is not None and self._leg.buffered():  # in the middle of what is said
            await until(lambda: any(media.played for media in self._asterisk.media_of(self._channel)))
        self._held = True
        await self._asterisk.happens("ChannelHold", self._channel)
        await self._arrived()

    async def resume(self) -> None:
        self._held = False
        await self._asterisk.happens("ChannelUnhold", self._channel)
        await self._arrived()

    async def _arrived(self) -> None:
        """Events travel by themselves: a moment later the leg knows."""
        leg = self._leg
        await until(lambda: leg is None or leg._held is self._held)  # type: ignore[attr-defined]

    async def renegotiate(self) -> None:
        """The caller's media are Asterisk's own affair; a hold for a moment is all that we see of a change."""
        if not self._held:
            await self.hold()
        await self.resume()

    async def answer_transfer(self, answer: Answer) -> None:
        asterisk, seen = self._asterisk, self._continues
        asterisk.stays = answer is Answer.TAKE_OVER
        asterisk.slow = {"continue": {Answer.REFUSE_LATER: SETTLE_S / 2, Answer.IGNORE: 2.0, Answer.LEAVE: 2.0}.get(answer, 0.0)}
        asterisk.refuses = {"continue": 500} if answer is not Answer.COMPLETE and answer is not Answer.TAKE_OVER else {}
        await until(lambda: self._sent_on() > seen)
        self._continues = self._sent_on()
        if answer is Answer.LEAVE:
            await self.leave()
        elif answer is Answer.IGNORE:
            await asyncio.sleep(2.0)

    def _sent_on(self) -> int:
        return sum(path.endswith("/continue") for _, path, _ in self._asterisk.requests)

    async def hung_up_on(self) -> None:
        """The channel is gone, or went on in the dialplan without us."""
        channel = self._channel
        await until(lambda: channel.hung_up or channel.place is not None)
        await until(lambda: not self._asterisk.media)

    async def leave(self) -> None:
        await self._asterisk.hang_up(self._channel)
