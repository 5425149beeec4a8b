"""The far end, asked from outside of a call: its name, OPTIONS by each transport, TLS, what it offers, how it sees us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address

from voicebot.endpoints.sip.checking.certificate import shake_hands, unverified
from voicebot.endpoints.sip.checking.description import Description, described
from voicebot.endpoints.sip.checking.findings import Finding, Notes, Outcome, listed
from voicebot.endpoints.sip.checking.options import NoAnswer, Reply, Transport, ask
from voicebot.endpoints.sip.checking.own_side import SOON_DAYS
from voicebot.endpoints.sip.checking.places import Place, own_address
from voicebot.endpoints.sip.provider import messages as provider
from voicebot.endpoints.sip.provider.dns import Lookup, resolver_of
from voicebot.endpoints.sip.provider.sending import NoReply
from voicebot.endpoints.sip.settings import SipSettings
from voicebot.endpoints.sip.trunks import Trunk

ANSWER_S = 8.0
SLOW_S = 0.5
_OPTIONAL = ("OPTIONS udp", "OPTIONS tcp")
_UNWILLING = {
    403: "it does not let us in",
    408: "what lies behind it does not answer",
    500: "its SIP stack fails",
    502: "what lies behind it fails",
    503: "it is full or stops",
    504: "what lies behind it does not answer",
}


@dataclass(frozen=True, slots=True)
class FarEnd:
    """One address of a trunk."""

    name: str
    """The trunk's."""
    trunk: Trunk
    place: Place
    settings: SipSettings
    timeout_s: float = ANSWER_S

    async def checked(self) -> AsyncIterator[Finding]:
        """All that can be seen without a call."""
        notes = Notes(self.name)
        try:
            targets = await self._targets()
        except NoReply as error:
            yield notes.failed("name", str(error), "write a name that this machine's DNS knows, or an IP address")
            return
        if not _is_address(self.place.host):
            where = ", ".join(f"{each.host}:{each.port} ({each.transport})" for each in targets)
            yield notes.ok("name", f"{self.place.host} is at {where}")
        checks: set[str] = set()
        silent: list[Finding] = []
        for target in targets:
            async for finding in self._asked(target.host, target.port, _transport(target.transport)):
                checks.add(finding.check)
                if finding.outcome is Outcome.FAILED and finding.check in _OPTIONAL:
                    silent.append(finding)
                else:
                    yield finding
        for finding in silent:  # most trunks speak one of UDP and TCP: one that answers will do, unless both are asked for
            yield replace(finding, outcome=Outcome.WARNING) if "NAT" in checks and not self.trunk.transports else finding
        if "NAT" in checks and "offer" not in checks:  # it answered, without a description
            todo = "the codecs are seen in a test call: --to sip:…"
            yield notes.skipped("offer", "it describes no media in its answer to OPTIONS", todo)

    async def _targets(self) -> list[provider.Place]:
        """Where to ask, of the family that we listen on. Raises NoReply."""
        transports = self.trunk.transports or self.settings.transports
        wanted = transports if self.place.transport is None else (self.place.transport,)
        lookup = Lookup(resolver_of(self.settings.dns_servers))
        found = [place for transport in wanted for place in await lookup.places(str(self.place), transport)]
        version = ip_address(self.settings.host).version
        if not (ours := [each for each in found if ip_address(each.host).version == version]):
            raise NoReply(f"{self.place.host} has no IPv{version} address, and sip.host is one")
        return ours

    async def _asked(self, address: str, port: int, transport: Transport) -> AsyncIterator[Finding]:
        notes, target = Notes(self.name), (address, port)
        where = f"{address}:{target[1]} by {transport.upper()}"
        try:
            here = own_address(self.settings, address)
        except OSError as error:
            yield notes.failed(
                "route", f"no way to {address}: {error.strerror}", "add a route, or set sip.host to the right interface"
            )
            return
        if transport == "tls":
            yield await self._tls(target)
        try:
            reply = await ask(
                target,
                transport,
                host=here,
                user=self.settings.user,
                timeout_s=self.timeout_s,
                tls=unverified(self.settings.tls_certificate) if transport == "tls" else None,
            )
        except NoAnswer as error:
            yield notes.failed(f"OPTIONS {transport}", f"{where}: {error}", _silent(transport, here))
            return
        yield self._answered(reply, transport, where)
        yield self._seen(reply, here)
        description = described(reply.body)
        if description is not None:
            yield offer(notes, description)

    def _answered(self, reply: Reply, transport: Transport, where: str) -> Finding:
        notes, check = Notes(self.name), f"OPTIONS {transport}"
        took = f"{where}: {reply.status} {reply.reason} in {reply.round_trip_s * 1000:.0f} ms"
        if reply.status in _UNWILLING:
            todo = "ask whoever keeps it; let this machine's address in there"
            return notes.warning(check, f"{took}: {_UNWILLING[reply.status]}", todo)
        if 300 <= reply.status < 400:
            where = reply.headers.get("contact", "").strip() or "an address that it does not name"
            todo = (
                "nobody follows a redirection: ask and call it there, if that is the bank's (address of the trunk, or --address)"
            )
            return notes.warning(check, f"{took}: it sends us to {where}", todo)
        if reply.round_trip_s > SLOW_S:
            return notes.warning(check, took, "look for load or loss on the way: callers hear this in every answer")
        return notes.ok(check, took)

    def _seen(self, reply: Reply, here: str) -> Finding:
        """The address that we announce must be the one that our packets come from."""
        notes, here = Notes(self.name), self.trunk.external_address or here
        if reply.seen_as is None:
            return notes.skipped(
                "NAT", "the far end does not tell how it sees us (RFC 3581)", f"make sure that it reaches {here}"
            )
        seen = reply.seen_as[0]
        if ip_address(seen) != ip_address(here):
            low, high = self.settings.rtp_ports
            todo = f"behind NAT: set sip.trunks.{self.name}.external_address: {seen}, and let RTP through (UDP {low}-{high})"
            return notes.failed("NAT", f"we announce {here}, it sees {seen}", todo)
        return notes.ok("NAT", f"none: it sees us at {seen}, which we announce")

    async def _tls(self, target: tuple[str, int]) -> Finding:
        notes = Notes(self.name)
        try:
            shown = await shake_hands(
                target, self.place.host, ca=self.trunk.tls_ca, own=self.settings.tls_certificate, timeout_s=self.timeout_s
            )
        except NoAnswer as error:
            todo = "it must listen for TLS 1.2 or later there, and take clients without a certificate or know ours"
            return notes.failed("TLS", f"{target[0]}:{target[1]}: {error}", todo)
        days = shown.days_left(datetime.now(UTC))
        seen = f"{shown.version}, certificate for {listed(shown.names, 'nobody')} until {shown.expires:%Y-%m-%d}"
        if days < 0:
            return notes.failed("TLS", f"{seen}: expired", "the far end needs a new certificate")
        if shown.trouble:
            todo = "name its authority in the trunk's tls_ca, or have the name put into it by which it is called"
            if _connects_by_tls(self.trunk):  # REGISTER and OPTIONS of the service get no further
                return notes.failed("TLS", f"{seen}: {shown.trouble}; the service refuses to connect", todo)
            return notes.warning("TLS", f"{seen}: {shown.trouble}", todo)
        if days < SOON_DAYS:
            return notes.warning("TLS", f"{seen}: {days} days left", "tell whoever keeps it")
        return notes.ok("TLS", seen)


def _connects_by_tls(trunk: Trunk) -> bool:
    """Whether the service itself opens connections to it by TLS, which verify the certificate."""
    registers = trunk.registration is not None and trunk.registration.transport == "tls"
    return registers or (trunk.qualify_s > 0 and trunk.transport == "tls")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _transport(name: str) -> Transport:
    return "tls" if name == "tls" else "tcp" if name == "tcp" else "udp"


def _silent(transport: Transport, here: str) -> str:
    how = "listens there and lets" if transport == "udp" else f"listens there for {transport.upper()} and lets"
    return f"see that it {how} {here} in, and that no firewall lies between; without it, take {transport} out of sip.transports"


def offer(notes: Notes, seen: Description) -> Finding:
    """Codecs, keys and SRTP of a description."""
    keys = f"by RFC 4733, type {seen.key_types[0]}" if seen.key_types else "not by RFC 4733"
    secure = f"SRTP by {seen.secure}" if seen.secure else "RTP without SRTP"
    told = f"{listed(seen.codecs, 'no codec')}; keys {keys}; {secure}"
    if not seen.common:
        return notes.failed("offer", told, "no codec in common: let it offer PCMA (G.711 A-law)")
    if not seen.key_types:
        return notes.warning("offer", told, "callers' keys need telephone-event, or INFO: switch it on there")
    return notes.ok("offer", told)
