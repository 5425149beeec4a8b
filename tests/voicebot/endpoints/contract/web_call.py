"""The far end of an app's leg: a WebRTC peer, the web process's half of the SIP dialog, and a raw queue it is bridged with."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from caller_id.tied import AppProof
from caller_id.types import Segment
from tests.voicebot.endpoints.contract.bridged import Board, answer_as
from tests.voicebot.endpoints.contract.far_end import QUEUE, Answer
from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.answerer import Queue
from voicebot.endpoints.bridge import Bridged, Way
from voicebot.endpoints.leg import Leg
from voicebot.endpoints.sip.endpoint import SipEndpoint
from voicebot.endpoints.sip.settings import APP_SESSION, SipSettings
from voicebot.endpoints.web_call.dialog import AppDialogs
from voicebot.endpoints.web_call.endpoint import WebCallEndpoint
from voicebot.endpoints.web_call.leg import WebLeg
from voicebot.endpoints.web_call.offer import Offer
from voicebot.endpoints.web_call.session import AppSession
from voicebot.endpoints.web_call.settings import WebCallSettings
from voicebot.softphone.web_phone import WebPhone

NOW = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
SESSION = AppSession("call-1", AppProof("c-1", Segment.MASS, "strong", NOW), NOW)
DEADLINE_S = 10.0


class OneSession:
    """The state server, as far as the endpoint asks it."""

    async def take(self, name: str) -> AppSession | None:
        return SESSION if name == "known" else None


class AppStack:
    """Both endpoints in one stack; their calls wait to be served."""

    def __init__(self, sip: SipSettings, web: WebCallSettings) -> None:
        self.apps: asyncio.Queue[Leg] = asyncio.Queue()
        self.trunk: asyncio.Queue[Leg] = asyncio.Queue()
        self.sip = SipEndpoint(sip, lambda leg, identify: self._serve(self.trunk, leg))
        self.sip.let_dial([QUEUE])
        self.web = WebCallEndpoint(web, self.sip, OneSession(), lambda leg, identify: self._serve(self.apps, leg))

    async def _serve(self, ringing: asyncio.Queue[Leg], leg: Leg) -> None:
        ringing.put_nowait(leg)
        await leg.ended.wait()  # type: ignore[attr-defined]

    async def start(self) -> None:
        await self.sip.start()
        await self.web.start()

    async def close(self) -> None:
        await self.web.close()
        await self.sip.close()


class WebFarEnd:
    """Implements `FarEnd`."""

    def __init__(self, stack: AppStack, dialogs: AppDialogs, phone: WebPhone, queue: Queue) -> None:
        self._stack = stack
        self._queue = queue
        self._dialog = dialogs.new({APP_SESSION: "known"})
        self._phone = phone
        self._offer: Offer | None = None
        self._answer: asyncio.Task[str] | None = None
        self._held = False
        self._leg: WebLeg | None = None

    async def dial(self) -> Leg:
        self._offer = Offer.parse(await self._phone.offer())
        self._answer = asyncio.create_task(self._dialog.invite(self._offer.sdp(), DEADLINE_S))
        leg = await asyncio.wait_for(self._stack.apps.get(), DEADLINE_S)
        assert isinstance(leg, WebLeg)
        self._leg = leg
        return Bridged(leg, Board(self._stack.sip, Way.AUTO))

    async def connected(self) -> None:
        assert self._offer is not None
        assert self._answer is not None
        await self._phone.take(self._offer.answer(await self._answer))

    async def press(self, key: str) -> None:
        assert await self._dialog.press(key)

    async def hold(self) -> None:
        self._held = True
        await self._dialog.hold(True)

    async def resume(self) -> None:
        self._held = False
        await self._dialog.hold(False)

    async def renegotiate(self) -> None:
        """An app cannot change its media in the middle of a call; holding it for a moment is the nearest to it."""
        if not self._held:
            await self.hold()
            leg = self._leg
            await until(lambda: leg is not None and leg._audio.buffered() == 0)  # the stack drops it at its next packet
        await self.resume()

    async def answer_transfer(self, answer: Answer) -> None:
        await answer_as(self._queue, answer, self)

    async def hung_up_on(self) -> None:
        await asyncio.wait_for(self._dialog.ended.wait(), DEADLINE_S)

    async def leave(self) -> None:
        assert self._answer is not None
        if self._answer.done():
            await self._dialog.hang_up()
        else:
            self._answer.cancel()
