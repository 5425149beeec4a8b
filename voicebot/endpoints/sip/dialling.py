"""Calls that we place over SIP: to the bank's queues, and to nobody else.

The stack tells what happens to a call as events. Those that come before its `dial` has returned reach nobody (a queue that is
busy answers within a millisecond on a local network), so they are kept here and told to the call once it is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_address

from baresip import BaresipError, Call, CallBusy, CallDeclined, CallFailed, CallTimeout, Event, Runtime, StackEvent, UserAgent

from voicebot.endpoints.errors import DialFailed, TelephonyError
from voicebot.endpoints.leg import CallOffer
from voicebot.endpoints.sip.leg import SipLeg
from voicebot.endpoints.sip.peers import Network
from voicebot.endpoints.sip.settings import SipSettings
from voicebot.endpoints.sip.trace import SipTrace
from voicebot.endpoints.sip.transfer import is_transfer_target

log = logging.getLogger(__name__)

_STATUS = re.compile(r"\b([3-6]\d\d)\b")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,40}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?")
_HOST = re.compile(r"^sips?:(?:[^@]*@)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:;?>]+))")
_MOST_CALLS = 250
"""The stack holds 255 calls; those that come in go first."""


class Dialler:
    """Places calls on one stack; every one of them is a `SipLeg`."""

    def __init__(self, runtime: Runtime, agents: Mapping[str, UserAgent], settings: SipSettings, trace: SipTrace) -> None:
        """`agents` by how much sound their offers prefer: "narrow" and "wide", or either with "+tls"."""
        self._runtime = runtime
        self._agents = agents
        self.settings = settings
        """Those in force: who may talk to us can change."""
        self._trace = trace
        self._allowed: frozenset[str] = frozenset()
        self._early: dict[int, list[StackEvent]] = {}
        self._dialling = 0
        self._legs: set[SipLeg] = set()
        runtime.subscribe(self._keep_early)

    @property
    def legs(self) -> set[SipLeg]:
        """Calls to queues that are not over."""
        self._legs = {leg for leg in self._legs if not leg.ended.is_set()}
        return self._legs

    def allow(self, uris: Collection[str]) -> None:
        """Only these can be dialled from now on."""
        self._allowed = frozenset(uris)

    async def dial(self, uri: str, headers: Mapping[str, str], timeout_s: float, *, wide: bool, live: int) -> SipLeg:
        """Call, and wait for the answer; `live` calls are there already. Raises DialFailed. Cancelled, it cancels the call."""
        self._check(uri, live)
        call = await self._place(uri, _fit(headers), wide)
        leg = SipLeg(call, CallOffer(call.call_id or str(call.handle), uri, uri), self.settings, self._trace)
        self._legs.add(leg)
        try:
            await self._answered(call, leg, timeout_s)
        except BaseException:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(asyncio.ensure_future(leg.end("hangup")))
            raise
        return leg

    def _check(self, uri: str, live: int) -> None:
        if uri not in self._allowed or not is_transfer_target(uri):
            log.error("dial: %r is no queue of the bank's and is not called", uri)
            raise DialFailed("unreachable", why="no address of a queue")
        if live + len(self.legs) >= _MOST_CALLS:
            raise DialFailed("unreachable", why="the SIP stack holds no more calls")
        if not _hears(uri, self.settings.let_in_networks):
            log.error("dial: what %r answers is kept out: name its network in sip.peers", uri)
            raise DialFailed("unreachable", why="the queue is none of sip.peers")

    async def _place(self, uri: str, headers: Mapping[str, str], wide: bool) -> Call:
        agent = self._agents[("wide" if wide else "narrow") + ("+tls" if uri.startswith("sips:") else "")]
        self._dialling += 1
        try:
            call = await agent.dial(uri, dict(headers))
            for event in self._early.pop(call.handle, ()):
                call._on_stack_event(event)
        except KeyError:
            raise DialFailed("unreachable", why="no transport for it") from None
        except (BaresipError, ValueError) as error:
            raise DialFailed("unreachable", why=str(error)) from error
        finally:
            self._dialling -= 1
            if not self._dialling:
                self._early.clear()
        return call

    async def _answered(self, call: Call, leg: SipLeg, timeout_s: float) -> None:
        try:
            await leg.established(timeout_s)
        except CallTimeout:
            raise DialFailed("timeout") from None
        except (CallBusy, CallDeclined, CallFailed) as error:
            found = _STATUS.search(str(error))
            status = int(found[1]) if found else 0
            # nobody follows a redirection: where it leads is no queue of ours
            raise DialFailed("timeout" if status == 408 else "refused", status, why=str(error)) from None
        except (BaresipError, TelephonyError) as error:
            raise DialFailed("refused", why=str(error)) from error

    def _keep_early(self, event: StackEvent) -> None:
        """Keep events of calls whose `dial` has not returned yet."""
        if self._dialling and event.call and event.event is not Event.CALL_INCOMING:
            self._early.setdefault(event.call, []).append(event)


def _fit(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that can travel: what a caller's network sent is not believed to be a header's value."""
    return {
        name: value
        for name, value in headers.items()
        if _HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value) is not None
    }


def _hears(uri: str, networks: Sequence[Network]) -> bool:
    """Whether the gate lets in what comes from the URI's host. A name is believed: only the network knows its addresses."""
    found = _HOST.match(uri)
    if found is None:
        return False
    try:
        address = ip_address(found["v6"] or found["host"])
    except ValueError:
        return True
    return any(address in network for network in networks)
