"""A call of our own to an address that the operator names: media, keys, SRTP, and, if wanted, a transfer.

It is placed by the very endpoint that the service uses, on a free port of its own, so that it works while the service runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from voicebot.endpoints.endpoint import Identify
from voicebot.endpoints.errors import DialFailed, EndpointError
from voicebot.endpoints.leg import Leg, TransferTarget
from voicebot.endpoints.sip.checking.description import Description, described
from voicebot.endpoints.sip.checking.far_end import offer
from voicebot.endpoints.sip.checking.findings import Finding, Notes
from voicebot.endpoints.sip.checking.places import place_of, resolved
from voicebot.endpoints.sip.checking.running_service import RunningService
from voicebot.endpoints.sip.checking.unanswered import unanswered
from voicebot.endpoints.sip.endpoint import SipEndpoint
from voicebot.endpoints.sip.leg import SipLeg
from voicebot.endpoints.sip.settings import SipSettings
from voicebot.endpoints.sip.trace import SipMessage

_RING_S = 30.0
_MEDIA_S = 3.0
_KEY_GAP_S = 0.6
_TRANSFER_S = 10.0
_TOLD_S = 5.0
_ACCEPTED = 202
_CALLED, _PASSED_ON = "check", "check-transfer"


@dataclass(frozen=True, slots=True)
class TrialCall:
    """What to try."""

    trunk: str
    settings: SipSettings
    to: str
    """A SIP URI."""
    keys: str = "***"
    refer_to: str = ""
    """A SIP URI to transfer the call to; "" for none: somebody's telephone will ring."""
    ring_s: float = _RING_S
    media_s: float = _MEDIA_S
    transfer_s: float = _TRANSFER_S

    async def checked(self, service: RunningService) -> AsyncIterator[Finding]:
        """Place the call and look at it from every side."""
        notes = Notes(self.trunk)
        name = f"check-{secrets.token_hex(6)}"
        heard: list[tuple[str, SipMessage]] = []
        endpoint = SipEndpoint(await self._own_settings(), _nobody)
        endpoint.taps = (lambda _, record, said: heard.append((record, said)),)
        try:
            await endpoint.start()
        except EndpointError as error:
            yield notes.failed("test call", str(error), "the stack could not listen on a free port of sip.host")
            return
        try:
            endpoint.let_dial([TransferTarget(_CALLED), TransferTarget(_PASSED_ON)])
            try:
                leg = await endpoint.dial(self.to, {"X-Call-Ref": name}, self.ring_s)
            except DialFailed as error:
                if error.status:
                    await _response(heard, range(error.status, error.status + 1))
                yield unanswered(notes, self.to, self.ring_s, error, heard)
                return
            async for finding in self._talk(leg, heard, name, service):
                yield finding
        finally:
            await endpoint.close()

    async def _talk(
        self, leg: SipLeg, heard: list[tuple[str, SipMessage]], name: str, service: RunningService
    ) -> AsyncIterator[Finding]:
        notes = Notes(self.trunk)
        yield notes.ok("test call", f"{self.to} answered")
        sdp = await _answer(heard)
        description = described(sdp) if sdp else None
        if description is None:
            todo = (
                "the keys and the sound below tell more; look at its SDP: voicebot sip trace --messages where the service had it"
            )
            yield notes.warning("offer", "its answer describes no audio that can be read, or far too much", todo)
        else:
            yield offer(notes, description)
            yield self._secure(description)
            if description.is_private and not _is_private(self.settings.host):
                todo = "its NAT does not rewrite SDP: switch symmetric RTP on there (direct media off)"
                yield notes.warning("media address", f"it wants RTP at {description.address}, a private address", todo)
        for key in self.keys:
            await leg.send_key(key)
            await asyncio.sleep(_KEY_GAP_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(leg.ended.wait(), self.media_s)
        if leg.ended.is_set():
            todo = (
                "keys, sound and transfer need a call that stays up: name a number with --to that does, or see the far end's log"
            )
            yield notes.failed("hang-up", "the far end ended the call before it could be looked at", todo)
            if leg.stats is not None:
                yield self._sound(leg)
            return
        yield await self._keys(name, service)
        async for finding in self._caller(name, service):
            yield finding
        if self.refer_to:
            yield await self._transfer(leg)
        await leg.hang_up()
        yield self._sound(leg)

    def _secure(self, seen: Description) -> Finding:
        """Whether the media of this call is encrypted, as our settings want it."""
        notes, wanted = Notes(self.trunk), self.settings.media_encryption
        if seen.secure:
            return notes.ok("SRTP", f"in use, keys by {seen.secure}")
        if wanted == "none":
            todo = "where the way is not yours, set sip.media_encryption: srtp, and let the far end offer it"
            return notes.warning("SRTP", "the media is not encrypted, as sip.media_encryption: none says", todo)
        return notes.failed(
            "SRTP", f"sip.media_encryption is {wanted}, and the far end answered without", "switch SRTP (SDES) on there"
        )

    async def _keys(self, name: str, service: RunningService) -> Finding:
        """Where the call came back to our own service, its trace tells what arrived."""
        notes = Notes(self.trunk)
        call = None
        runs = await service.asked("/health") is not None
        for _ in range(int(_TOLD_S / 0.5) if runs else 0):
            call = await service.trace_of(name)
            if call is not None and _pressed(call) >= len(self.keys):
                break
            await asyncio.sleep(0.5)
        if call is None:
            seen = (
                f"{len(self.keys)} keys were sent; the call did not come back to this machine's service, so nobody here saw them"
            )
            todo = "name a number with --to that the PBX routes back to us (X-Call-Ref kept), or look in its log for the keys"
            return notes.skipped("keys", seen, todo)
        arrived = _pressed(call)
        if arrived < len(self.keys):
            todo = "let the trunk pass telephone-event (RFC 4733) through, and not turn it into tones"
            return notes.failed("keys", f"{arrived} of {len(self.keys)} keys arrived at the service", todo)
        return notes.ok("keys", f"{len(self.keys)} of {len(self.keys)} keys arrived at the service")

    async def _caller(self, name: str, service: RunningService) -> AsyncIterator[Finding]:
        """What the service made of the caller, where the call came back."""
        call = await service.trace_of(name)
        told = next((fact["text"] for fact in (call or {}).get("facts", ()) if fact["text"].startswith("caller: ")), None)
        if told is not None:
            yield Notes(self.trunk).ok("caller seen", f"the service took it as {told.removeprefix('caller: ')}")

    async def _transfer(self, leg: SipLeg) -> Finding:
        notes = Notes(self.trunk)
        outcome = await leg.transfer(TransferTarget(_PASSED_ON), self.transfer_s)
        status = f" ({outcome.status})" if outcome.status else ""
        if outcome.ok and outcome.status == _ACCEPTED:
            todo = f"see that the telephone at {self.refer_to} rang"
            return notes.warning("REFER", f"taken{status}, and the call ended without a word of how it went (RFC 3515)", todo)
        if outcome.ok:
            return notes.ok("REFER", f"taken{status}")
        if outcome.unable:
            return notes.failed(
                "REFER", f"it does not transfer{status}: {outcome.reason}", "set handoff.way: bridge, or allow REFER there"
            )
        return notes.failed("REFER", f"not taken{status}: {outcome.reason}", f"see that {self.refer_to} can be reached from it")

    def _sound(self, leg: SipLeg) -> Finding:
        notes, stats = Notes(self.trunk), leg.stats
        low, high = self.settings.rtp_ports
        if stats is None:
            todo = f"open UDP {low}-{high} in every firewall between, and see that the announced address is the right one"
            return notes.failed("RTP", "no RTP came in", todo)
        lost = stats.lost / max(1, stats.received + stats.lost)
        seen = f"{stats.received} packets in, {lost:.1%} lost, jitter {stats.jitter_s * 1000:.0f} ms, MOS about {stats.mos:.1f}"
        if lost > 0.01 or stats.jitter_s > 0.05:
            return notes.warning("RTP", seen, "look for loss and load on the way: the recogniser hears it first")
        return notes.ok("RTP", seen)

    async def _own_settings(self) -> SipSettings:
        """The service's settings, on another port, hearing the far end whoever it is."""
        place = place_of(self.to)
        addresses = await resolved(place.host) if place is not None else []
        networks = tuple(dict.fromkeys((*map(str, self.settings.peer_networks), *_single(addresses))))
        middle = (self.settings.rtp_ports[0] + self.settings.rtp_ports[1]) // 4 * 2
        changes = {
            "port": 0,
            "max_calls": 1,
            "trunks": {},
            "peers": networks,
            "trusted": (),
            "own_calls": False,
            "rtp_ports": (middle, self.settings.rtp_ports[1]),  # where the service's own calls come last
            "queue_addresses": {_CALLED: self.to, _PASSED_ON: self.refer_to or self.to},
        }
        return self.settings.model_copy(update=changes)


def _single(addresses: Sequence[str]) -> list[str]:
    return [f"{address}/{128 if ':' in address else 32}" for address in addresses]


async def _nobody(leg: Leg, identify: Identify) -> None:
    """Calls that come in at the test's port are not taken."""


async def _answer(heard: list[tuple[str, SipMessage]]) -> str:
    """The far end's description in the 2xx to our INVITE; "" when there is none."""
    record = await _response(heard, range(200, 300))
    return re.split(r"\r?\n\r?\n", record, maxsplit=1)[-1]


async def _response(heard: list[tuple[str, SipMessage]], statuses: range) -> str:
    """The record of the response to our INVITE with one of these; "" when none comes. The trace may lag behind the call."""
    for _ in range(round(_TOLD_S / 0.1)):
        for record, said in heard:
            if said.received and said.method == "INVITE" and said.status in statuses:
                return record
        await asyncio.sleep(0.1)
    return ""


def _pressed(call: dict[str, object]) -> int:
    facts = call.get("facts")
    return sum(fact["text"] == "key pressed" for fact in facts) if isinstance(facts, list) else 0


def _is_private(host: str) -> bool:
    return ip_address(host).is_private or ip_address(host).is_loopback
