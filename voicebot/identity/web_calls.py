"""The web process's side of the app's calls: an offer and a ticket in, an answer out, and the call as the app sees it."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from caller_id.ticket import Ticket, TicketRefused
from caller_id.tied import AppProof
from voicebot.endpoints.sip.settings import APP_SESSION
from voicebot.endpoints.web_call.dialog import AppDialog, AppStacks, Refused
from voicebot.endpoints.web_call.ice import ice_servers
from voicebot.endpoints.web_call.offer import Offer, OfferRefused
from voicebot.endpoints.web_call.session import AppSession, AppSessions, new_session, shown_under
from voicebot.endpoints.web_call.settings import WebCallSettings
from voicebot.errors import StateError
from voicebot.identity.audit import Audit
from voicebot.identity.tickets import TicketService, reference
from voicebot.metrics.registry import Metrics
from voicebot.state.quota import Limit, Quota
from voicebot.state.relay import Relay
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

_KEPT_EVENTS = 60
_KEPT_AFTER_S = 60.0

Shown = Mapping[str, Any]
"""What the app is told: {"type": "bot" | "options" | "state" | "ended", …}, see docs/web_calls.md."""


class CallRefused(Exception):
    """The offer did not become a call. `code` is stable and for the app's program, the text for whoever writes it."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(slots=True)
class PlacedCall:
    """One call, as the app knows it."""

    id: str
    token: str
    """Who has it may press keys, see what the bot asks, and hang up."""
    dialog: AppDialog
    customer: str
    client: str
    began: float
    answer: str = ""
    """SDP."""
    replaced: bool = False
    """A later call of the same customer has taken its place."""
    events: deque[Shown] = field(default_factory=lambda: deque(maxlen=_KEPT_EVENTS))
    """What was shown so far: a page that comes late, or comes back, is shown it again."""
    _watching: set[asyncio.Queue[Shown]] = field(default_factory=set)

    def show(self, event: Shown) -> None:
        """Tell the app. What stood there to be chosen is replaced by what can be chosen now."""
        for old in [old for old in self.events if event["type"] in ("options", "state") and old["type"] == event["type"]]:
            self.events.remove(old)
        self.events.append(event)
        for queue in self._watching:
            queue.put_nowait(event)

    @contextmanager
    def watching(self) -> Iterator[asyncio.Queue[Shown]]:
        """What was shown, and what will be, in order."""
        queue: asyncio.Queue[Shown] = asyncio.Queue()
        for event in self.events:
            queue.put_nowait(event)
        self._watching.add(queue)
        try:
            yield queue
        finally:
            self._watching.discard(queue)

    def opens(self, token: str) -> bool:
        """Whether this is the call's token."""
        return hmac.compare_digest(self.token.encode(), token.encode(errors="replace"))

    @property
    def live(self) -> bool:
        """Whether it is not over."""
        return not self.dialog.ended.is_set()


class WebCalls:
    """All calls of the app that this process placed."""

    def __init__(
        self,
        settings: WebCallSettings,
        *,
        dialogs: AppStacks,
        sessions: AppSessions,
        quota: Quota,
        relay: Relay,
        tickets: TicketService,
        audit: Audit,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self.settings = settings
        self._dialogs = dialogs
        self._sessions = sessions
        self._quota = quota
        self._relay = relay
        self._tickets = tickets
        self._audit = audit
        self._metrics = metrics
        self._clock = clock
        self._calls: dict[str, PlacedCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._placing = 0
        self._closing = False

    def __len__(self) -> int:
        """How many are live."""
        return sum(call.live for call in self._calls.values())

    def find(self, call: str, token: str) -> PlacedCall | None:
        """The call with this name, for whoever has its token."""
        found = self._calls.get(call)
        return found if found is not None and found.opens(token) else None

    def ice_servers(self, call: str) -> list[dict[str, Any]]:
        """The STUN and TURN servers that the app is told of; `call` is an opaque name for their logs."""
        now, for_s = self._clock().timestamp(), self.settings.turn_password_s
        return ice_servers(self.settings.ice_servers, call=call, now=now, for_s=for_s)

    async def place(self, ticket: str, sdp: str, *, address: str) -> PlacedCall:
        """From offer to answer. A ticket that was taken stays spent, whatever becomes of the call. Raises CallRefused."""
        try:
            call = await self._place(ticket, sdp, address)
        except CallRefused as refused:
            self._metrics.count("voicebot_web_calls_total", result=refused.code)
            if not refused.code.startswith("ticket."):  # those are noted where tickets are checked
                await self._audit.note("webcall.refused", code=refused.code)
            raise
        self._metrics.count("voicebot_web_calls_total", result="answered")
        return call

    async def _place(self, ticket: str, sdp: str, address: str) -> PlacedCall:
        began = time.monotonic()
        await self._within(
            Limit("webcall:address", address, self.settings.per_address_minute),
            Limit("webcall:all", "", self.settings.per_minute),
        )
        try:
            offer = Offer.parse(sdp)
        except OfferRefused as error:
            raise CallRefused(f"offer.{error.code}", str(error)) from None
        if self._closing or len(self) + self._placing >= self.settings.max_calls:
            raise CallRefused("busy", "all lines are taken: try again in a minute")
        self._placing += 1
        try:
            return await self._call(ticket, offer, began)
        finally:
            self._placing -= 1

    async def _call(self, token: str, offer: Offer, began: float) -> PlacedCall:
        name = secrets.token_hex(16)
        try:
            ticket = await self._tickets.accept(token, fingerprint=offer.fingerprint, call=name)
        except TicketRefused as error:
            raise CallRefused(error.code, str(error)) from None
        await self._within(Limit("webcall:customer", f"{ticket.client} {ticket.customer}", self.settings.per_customer_minute))
        session = new_session()
        call, earlier = self._begun(name, ticket, session, began)
        try:
            await self._sessions.put(session, AppSession(name, AppProof.of(ticket), self._clock()))
        except StateError:
            call.dialog.abandon()
            raise _unavailable() from None
        await self._end_earlier(earlier)
        try:
            ours = await call.dialog.invite(offer.sdp(never_to=self.settings.never_send_to), self.settings.answer_s)
            call.answer = offer.answer(ours, public_address=self.settings.public_address)
        except Refused as error:
            raise CallRefused(
                "busy" if error.status in (408, 486, 503) else "refused", f"the call was not taken: {error}"
            ) from None
        if call.replaced:
            await self.end(call)
            raise CallRefused("refused", "another call of this customer began meanwhile")
        whose = {"customer": ticket.customer, "client": ticket.client, "ticket": reference(ticket)}
        await self._audit.note("webcall.began", call=name, **whose)
        log.info("app call answered", call_ref=call.dialog.call_id)
        return call

    async def _within(self, *limits: Limit) -> None:
        """Raises CallRefused when one of them is used up, or nobody knows."""
        try:
            used_up = await self._quota.take(limits)
        except StateError:
            raise _unavailable() from None
        if used_up is not None:
            raise CallRefused("too_many", f"too many calls ({used_up.kind.partition(':')[2]}): wait a minute")

    def _begun(self, name: str, ticket: Ticket, session: str, began: float) -> tuple[PlacedCall, list[PlacedCall]]:
        """The call has its place from now on, at one stroke: whoever comes at the same instant finds it there. And the calls
        whose place it takes. Raises CallRefused.
        """
        live = [call for call in self._calls.values() if call.live]
        if sum(call.client == ticket.client for call in live) >= self.settings.max_calls_per_client:
            raise CallRefused("busy", "this client has as many calls as it may")
        dialog = self._dialogs.new({APP_SESSION: session})
        call = PlacedCall(name, secrets.token_urlsafe(24), dialog, ticket.customer, ticket.client, began)
        call.show({"type": "state", "state": "connecting"})
        self._calls[name] = call
        self._follow(call)
        return call, [each for each in live if each.customer == ticket.customer]

    async def _end_earlier(self, calls: Sequence[PlacedCall]) -> None:
        """A customer has one call: whoever lost the network calls again, and the old call knows nothing of it yet. One that is
        only being placed ends itself when it is answered.
        """
        for call in calls:
            call.replaced = True
            await self.end(call)

    async def press(self, call: PlacedCall, key: str) -> bool:
        """One key; whether it was taken."""
        return await call.dialog.press(key)

    async def hold(self, call: PlacedCall, held: bool) -> None:
        """Another call came in on the customer's telephone, or is over."""
        await call.dialog.hold(held)

    async def end(self, call: PlacedCall) -> None:
        """The app hangs up; harmless when the call is over."""
        await call.dialog.hang_up()

    def _follow(self, call: PlacedCall) -> None:
        task = asyncio.create_task(self._pass_on(call), name="app-call-shown")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, call: PlacedCall) -> None:
        """What the calls' process tells goes to the app, until the call is over; after that it is known for a while."""
        with self._relay.listening(shown_under(call.id)) as told:
            ended = asyncio.create_task(call.dialog.ended.wait())
            hearing: asyncio.Task[str | None] | None = None
            try:
                while not ended.done():
                    hearing = asyncio.create_task(told.get())
                    await asyncio.wait({ended, hearing}, return_when=asyncio.FIRST_COMPLETED)
                    if hearing.done() and (text := hearing.result()) is not None:
                        with contextlib.suppress(ValueError):
                            call.show(json.loads(text))
            finally:
                await cancelled(ended, *([hearing] if hearing is not None else []))
        call.show({"type": "options", "choices": [], "digits": False})
        call.show({"type": "ended"})
        if call.answer:
            await self._audit.note("webcall.ended", call=call.id, seconds=round(time.monotonic() - call.began))
        asyncio.get_running_loop().call_later(_KEPT_AFTER_S, self._calls.pop, call.id, None)

    async def close(self) -> None:
        """Take no more, and let go of those that are live: the media is the calls' process's, and goes on."""
        self._closing = True
        await cancelled(*self._tasks)
        self._dialogs.close()


def _unavailable() -> CallRefused:
    return CallRefused("unavailable", "calls cannot be taken just now: try again, or call by telephone")
