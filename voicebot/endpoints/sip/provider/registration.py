"""A registration that lasts (RFC 3261, 10.2): made, refreshed in time, tried again with growing pauses, taken back at the end."""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from voicebot.endpoints.sip.provider.digest import Credentials, DigestRefused, answer, is_stale
from voicebot.endpoints.sip.provider.messages import Place, Reply, Request
from voicebot.endpoints.sip.provider.sending import NoReply, Sender
from voicebot.endpoints.sip.provider.settings import RegisterSettings
from voicebot.tasks import cancelled

log = logging.getLogger(__name__)

_MOST_TRIES = 4
"""Requests for one registration: without and with credentials, a stale challenge, an interval too brief."""
_MOST_EXPIRES_S = 86_400
_TAKE_BACK_S = 2.0
_LONGEST_WAIT_S = 3600
"""Nobody is believed who says that he is away for longer: no call comes in meanwhile."""

Find = Callable[[], Awaitable[Sequence[Place]]]
Here = Callable[[Place], Place]


class Registered(StrEnum):
    """How a registration is."""

    TRYING = "trying"
    REGISTERED = "registered"
    FAILED = "failed"
    """It is tried again by itself."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Pauses:
    """Between tries (seconds; after RFC 5626, 4.5): doubling from the first to the longest, half of it by chance."""

    first_s: float = 5.0
    longest_s: float = 300.0

    def after(self, failures: int) -> float:
        """After so many failures in a row, at least one."""
        longest = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  no secret hangs on it


class _Failed(Exception):
    """Raised when a registration did not come about."""

    def __init__(self, why: str, retry_after_s: int = 0) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class Registration:
    """One registration, from `start` until `stop`. `state` and `why` are for health."""

    def __init__(
        self, name: str, settings: RegisterSettings, sender: Sender, find: Find, here: Here, *,
        route: Sequence[str] = (), pauses: Pauses | None = None,
    ) -> None:  # fmt: skip
        """`find` gives the registrar's addresses, the best first; `here` is ours, as a place sees it."""
        self.state = Registered.TRYING
        self.why = ""
        """Why it failed; "" otherwise."""
        self._name = name
        self._settings = settings
        self._sender = sender
        self._find = find
        self._here = here
        self._route = route
        self._pauses = pauses or Pauses()
        self._asked_s = settings.expires_s
        domain = settings.domain or settings.registrar
        self._address = f"sip:{settings.aor_user or settings.user}@{domain}"
        self._request = Request("REGISTER", f"sip:{domain}", self._address, self._address, route=route)
        self._task: asyncio.Task[None] | None = None
        self._at: Place | None = None

    def start(self) -> None:
        """Begin; harmless when begun."""
        self._task = self._task or asyncio.get_running_loop().create_task(self._keep(), name=f"register-{self._name}")

    async def stop(self) -> None:
        """End it, and take it back where it stands (RFC 3261, 10.2.2)."""
        await cancelled(self._task)
        was, self.state, self._task = self.state, Registered.ENDED, None
        if was is Registered.REGISTERED and self._at is not None:
            try:
                async with asyncio.timeout(_TAKE_BACK_S):
                    await self._ask(self._at, 0)
            except (_Failed, NoReply, TimeoutError, OSError) as error:
                log.warning("registration of trunk %s was not taken back: %s", self._name, str(error) or "no answer in time")

    async def _keep(self) -> None:
        failures = 0
        while True:
            try:
                lasts_s = await self._register()
            except Exception as error:
                failures += 1
                expected = isinstance(error, _Failed | NoReply | OSError)
                wait = max(self._pauses.after(failures), float(min(getattr(error, "retry_after_s", 0), _LONGEST_WAIT_S)))
                self._is(Registered.FAILED, str(error) if expected else type(error).__name__, wait)
                if not expected:
                    log.exception("registration of trunk %s failed", self._name)
            else:
                failures = 0
                self._is(Registered.REGISTERED, "", lasts_s)
                wait = _refresh_in(lasts_s)
            await asyncio.sleep(wait)

    def _is(self, state: Registered, why: str, seconds: float) -> None:
        """What changes is told in the log."""
        if (state, why) != (self.state, self.why):
            if state is Registered.FAILED:
                log.warning("trunk %s is not registered: %s; tried again in %.0f s", self._name, why, seconds)
            else:
                log.info("trunk %s is registered at %s for %.0f s", self._name, self._at, seconds)
        self.state, self.why = state, why

    async def _register(self) -> float:
        """How long it lasts (s). The next address is tried where one does not answer, or cannot serve (RFC 3263, 4.3)."""
        places = await self._find()
        failed: Exception = _Failed("the registrar has no address")
        for place in places:
            try:
                reply = await self._ask(place, self._asked_s)
            except NoReply as error:
                failed = error
                continue
            self._at = place
            if reply.status < 300:
                return _granted(reply, self._contact(place), self._asked_s)
            failed = _Failed(f"{place} says {reply.told}", reply.number("retry-after"))
            if reply.status != 503:
                break
        raise failed

    async def _ask(self, place: Place, expires_s: int) -> Reply:
        """The answer to one registration, challenges and a briefest interval answered. Raises _Failed, NoReply, OSError."""
        mine = Credentials(self._settings.user, self._settings.secret(), self._settings.realm)
        authorization: tuple[str, ...] = ()
        here = self._here(place)
        self._request.contact = self._contact(place)
        reply = Reply(0)
        for _ in range(_MOST_TRIES):
            reply = await self._sender.send(self._request, here, place, (f"Expires: {expires_s}", *authorization))
            if reply.status in (401, 407):
                if authorization and not is_stale(reply.challenges):
                    raise _Failed(f"{place} says {reply.told}: user, password or realm is wrong", reply.number("retry-after"))
                try:
                    value = answer(reply.challenges, mine, "REGISTER", self._request.uri)
                except DigestRefused as error:
                    raise _Failed(str(error)) from None
                authorization = (f"{'Proxy-' if reply.status == 407 else ''}Authorization: {value}",)
            elif reply.status == 423 and expires_s < reply.number("min-expires") <= _MOST_EXPIRES_S:
                self._asked_s = expires_s = reply.number("min-expires")  # RFC 3261, 10.3 step 5
            else:
                return reply
        return reply

    def _contact(self, place: Place) -> str:
        here = self._here(place)
        user = self._settings.aor_user or self._settings.user
        transport = "" if here.transport == "udp" else f";transport={here.transport}"
        host = f"[{here.host}]" if ":" in here.host else here.host
        return f"sip:{user}@{host}:{here.port}{transport}"


def _granted(reply: Reply, contact: str, asked_s: int) -> float:
    """For how long the registrar keeps our contact (RFC 3261, 10.2.4)."""
    address = contact.partition(";")[0]
    for value in reply.headers.get("contact", ()):
        for each in value.split(","):
            found = re.search(r";\s*expires\s*=\s*\"?(\d{1,9})", each, re.I)
            if address in each and found is not None:
                return max(1.0, float(found[1]))
    return float(reply.number("expires") or asked_s)


def _refresh_in(lasts_s: float) -> float:
    """Seconds until it is refreshed: in time for another try, and not all trunks of a provider at once."""
    return lasts_s * random.uniform(0.75, 0.9) if lasts_s > 10 else lasts_s / 2  # noqa: S311  no secret hangs on it
