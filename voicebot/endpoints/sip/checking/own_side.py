"""Our own side: the service and its port, the RTP ports, our certificate, what we make of a trunk's headers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509

from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.sip.checking.findings import Finding, Notes
from voicebot.endpoints.sip.checking.options import NoAnswer, ask
from voicebot.endpoints.sip.checking.running_service import RunningService
from voicebot.endpoints.sip.ports import check_free
from voicebot.endpoints.sip.settings import SipSettings
from voicebot.endpoints.sip.trunks import Trunk, trunk_of
from voicebot.hosts import family_of

SOON_DAYS = 21
_ANSWER_S = 3.0


async def own_side(settings: SipSettings, service: RunningService) -> AsyncIterator[Finding]:
    """What belongs to no trunk."""
    yield await _listening(settings, service)
    yield await asyncio.to_thread(_rtp_ports, settings)
    if "tls" in settings.transports and settings.tls_certificate is not None:
        yield _own_certificate(settings.tls_certificate)


async def _listening(settings: SipSettings, service: RunningService) -> Finding:
    """The service's own port. The gate keeps this machine out unless it is a peer: then its health has to do."""
    notes, where = Notes(""), f"{settings.host}:{settings.port}"
    if settings.port == 0:
        return notes.skipped("own port", "sip.port is 0: each start picks another", "set sip.port, so that trunks find us")
    health = await service.asked("/health")
    if health is None:
        try:
            check_free(settings.host, settings.port, settings.transports)
        except EndpointError as error:
            todo = f"if voicebot runs, set health.host and health.port as it has them ({service.url} is silent)"
            return notes.warning("own port", str(error), todo)
        return notes.skipped("own port", f"the service does not run; {where} is free", "voicebot serve starts it")
    parts = health.get("parts", {})
    part = parts.get("sip") or parts.get("calls") or {}  # of one process, or of all workers
    if not part.get("ok", False):
        return notes.failed("own port", f"the service runs, but its SIP side {part.get('why') or 'is away'}", "see its log")
    host = "127.0.0.1" if ip_address(settings.host).is_unspecified else settings.host
    if "udp" not in settings.transports or trunk_of(settings.all_trunks, [host]) is None:
        return notes.ok("own port", f"the service listens on {where} (by its health; this machine is no peer of its own)")
    try:
        reply = await ask((host, settings.port), "udp", host=host, user=settings.user, timeout_s=_ANSWER_S)
    except NoAnswer as error:
        todo = "the port in the configuration must be the one it runs with; see its log"
        return notes.failed("own port", f"the service runs, but {where} does not answer OPTIONS: {error}", todo)
    if reply.status == 503:
        return notes.warning("own port", "503: the service is full or stops", "trunks send new calls elsewhere meanwhile")
    return notes.ok("own port", f"OPTIONS answered {reply.status} in {reply.round_trip_s * 1000:.0f} ms")


def _rtp_ports(settings: SipSettings) -> Finding:
    """Each even port of the range, and the one above it for RTCP."""
    notes, (low, high) = Notes(""), settings.rtp_ports
    family, free = family_of(settings.host), 0
    for port in range(low + low % 2, high, 2):
        if all(_binds(family, settings.host, number) for number in (port, port + 1)):
            free += 1
    wanted = settings.max_calls * settings.legs_per_call
    seen = f"{free} pairs of {low}-{high} are free on {settings.host}, {wanted} are needed for {settings.max_calls} calls"
    if free < wanted:
        return notes.failed(
            "RTP ports", seen, "give sip.rtp_ports a range that no other program uses, and open it in the firewall"
        )
    return notes.ok("RTP ports", seen)


def _binds(family: socket.AddressFamily, host: str, port: int) -> bool:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((host, port))
        except OSError:
            return False
    return True


def _own_certificate(path: Path) -> Finding:
    notes = Notes("")
    try:
        expires = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        return notes.failed("own certificate", f"{path} cannot be read: {error}", "a PEM file with the certificate and its key")
    days = (expires - datetime.now(UTC)).days
    if days < 0:
        return notes.failed("own certificate", f"it expired on {expires:%Y-%m-%d}", f"put a new one at {path} and restart")
    if days < SOON_DAYS:
        return notes.warning("own certificate", f"it expires on {expires:%Y-%m-%d}", f"put a new one at {path} and restart")
    return notes.ok("own certificate", f"good until {expires:%Y-%m-%d}")


async def registration(name: str, trunk: Trunk, service: RunningService) -> Finding | None:
    """Ours at the trunk, as the running service has it: to register beside it would take its calls away. None: it has none."""
    if trunk.registration is None:
        return None
    state, notes = await service.of_trunk("voicebot_trunk_registered", name), Notes(name)
    if state is None:
        return notes.skipped("registration", "the service does not run, or does not know it yet", "voicebot serve, or reload")
    if state > 0:
        return notes.ok("registration", "the service is registered there")
    why = ((await service.asked("/health") or {}).get("parts", {}).get("trunks", {})).get("why") or "it is not registered"
    return notes.failed("registration", str(why), "compare registrar, user and password with what the provider gave you")


def header_trust(name: str, trunk: Trunk) -> Finding:
    """What we make of its identity headers."""
    rules, notes = trunk.caller_id, Notes(name)
    if not rules.trusted:
        todo = "if the trunk vouches for P-Asserted-Identity (RFC 3325): caller_id: {trusted: true}"
        return notes.warning("caller id", "not trusted: only From is read, as a claim", todo)
    order = " then ".join(header.value for header in rules.headers)
    hidden = "Privacy hides the number" if rules.privacy else "Privacy is ignored"
    return notes.ok(
        "caller id", f"trusted: {order}; {hidden}; verified numbers {'count' if rules.verstat else 'are not asked for'}"
    )
