"""The far end of a SIP leg: a raw probe, and a real endpoint between."""

from __future__ import annotations

import asyncio

from tests.voicebot.endpoints.contract.far_end import SETTLE_S, Answer
from tests.voicebot.endpoints.sip.conftest import Bot
from tests.voicebot.endpoints.sip.sip_probe import PCMA, Message, Probe
from voicebot.endpoints.sip.leg import SipLeg

EVENTS = 101
MEDIA = (*PCMA, f"{EVENTS} telephone-event/8000")
FINAL = "terminated;reason=noresource"


class SipFarEnd:
    """Implements `FarEnd`."""

    transfers = True

    def __init__(self, bot: Bot, probe: Probe) -> None:
        self._bot = bot
        self._probe = probe
        self._refers: set[str] = set()

    async def dial(self) -> SipLeg:
        self._probe.invite(self._probe.offer(MEDIA))
        return await self._bot.leg()

    async def connected(self) -> None:
        self._probe.take_up(await self._probe.final("INVITE"))

    async def press(self, key: str) -> None:
        await self._probe.press_as_a_phone(key, EVENTS)

    async def hold(self) -> None:
        await self._reinvite("a=sendonly")

    async def resume(self) -> None:
        await self._reinvite("a=sendrecv")

    async def renegotiate(self) -> None:
        await self._reinvite(formats=("9 G722/8000", f"{EVENTS} telephone-event/8000"))

    async def _reinvite(self, *extra: str, formats: tuple[str, ...] = MEDIA) -> None:
        self._probe.invite(self._probe.offer(formats, extra=extra))
        answer = await self._probe.final("INVITE")
        assert answer.status == 200
        self._probe.ack(answer)

    async def answer_transfer(self, answer: Answer) -> None:
        probe, refer = self._probe, await self._new_refer()
        match answer:
            case Answer.COMPLETE:
                self._take_on(refer)
                probe.notify(refer, "SIP/2.0 200 OK", FINAL)
                await self.hung_up_on()
            case Answer.TAKE_OVER:
                self._take_on(refer)
            case Answer.REFUSE:
                probe.reply(refer, "603 Decline")
            case Answer.REFUSE_LATER:
                self._take_on(refer)
                await asyncio.sleep(SETTLE_S / 2)
                probe.notify(refer, "SIP/2.0 486 Busy Here", FINAL)
            case Answer.IGNORE:
                pass
            case Answer.LEAVE:
                await self.leave()

    async def _new_refer(self) -> Message:
        """The next REFER that is no repetition."""
        refer = await self._probe.expect(
            lambda found: not found.status and found.method == "REFER" and found.headers["cseq"] not in self._refers
        )
        self._refers.add(refer.headers["cseq"])
        return refer

    def _take_on(self, refer: Message) -> None:
        self._probe.reply(refer, "202 Accepted")
        self._probe.notify(refer, "SIP/2.0 100 Trying")

    async def hung_up_on(self) -> None:
        ending = await self._probe.expect(
            lambda found: found.method == "BYE" or (found.method == "INVITE" and found.status >= 300)
        )
        if not ending.status:
            self._probe.reply(ending, "200 OK")

    async def leave(self) -> None:
        if self._probe.answered:
            await self._probe.bye()
        else:
            self._probe.send(self._probe.request("CANCEL", cseq=self._probe.cseq, branch=self._probe.branch))
            await self._probe.final("INVITE")
