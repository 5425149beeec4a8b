"""A TLS handshake with the far end: version, certificate, whom it is for, how long it is good."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from voicebot.endpoints.sip.checking.options import NoAnswer, reason


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the far end showed."""

    version: str
    """TLSv1.2 or TLSv1.3."""
    names: tuple[str, ...]
    """Subject alternative names, or the common name."""
    expires: datetime
    trouble: str
    """Why the certificate is not trusted; "" when it is."""

    def days_left(self, now: datetime) -> int:
        """Whole days until it expires; negative when it has."""
        return (self.expires - now).days

    def is_for(self, name: str) -> bool:
        """Whether the certificate names this host (RFC 5922: no wildcards in SIP)."""
        return name.lower() in (each.lower() for each in self.names)


def unverified(own: Path | None) -> ssl.SSLContext:
    """Takes any certificate: to see what is there, never to trust it. `own` is shown where the far end asks for one."""
    context = _verifying(None, own)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _verifying(ca: Path | None, own: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    if own is not None:
        with contextlib.suppress(OSError):  # one that cannot be read is told of under "own certificate"
            context.load_cert_chain(own)
    return context


async def shake_hands(target: tuple[str, int], name: str, *, ca: Path | None, own: Path | None, timeout_s: float) -> Handshake:
    """Twice where it must be: once to verify by `ca` (None: the machine's authorities), once to see. Raises NoAnswer."""
    trouble = ""
    try:
        async with asyncio.timeout(timeout_s):
            try:
                version, der = await _connect(target, name, _verifying(ca, own))
            except ssl.SSLCertVerificationError as error:
                trouble = error.verify_message
                version, der = await _connect(target, name, unverified(own))
    except TimeoutError:
        raise NoAnswer(f"no TLS within {timeout_s:.0f} s") from None
    except ssl.SSLError as error:
        raise NoAnswer(f"no TLS 1.2 or later: {error.reason or error}") from None
    except OSError as error:
        raise NoAnswer(reason(error)) from None
    try:
        certificate = x509.load_der_x509_certificate(der)
        return Handshake(version, _names(certificate), certificate.not_valid_after_utc.astimezone(UTC), trouble)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise NoAnswer(f"its certificate cannot be read: {error}") from None


async def _connect(target: tuple[str, int], name: str, context: ssl.SSLContext) -> tuple[str, bytes]:
    _, writer = await asyncio.open_connection(*target, ssl=context, server_hostname=name)
    try:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return tls.version() or "", tls.getpeercert(binary_form=True) or b""
    finally:
        writer.transport.abort()  # a far end that does not close would take half a minute, and look as if it had no TLS


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    with contextlib.suppress(x509.ExtensionNotFound):
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = tuple(str(each) for each in found.get_values_for_type(x509.IPAddress))
        return (*found.get_values_for_type(x509.DNSName), *addresses)
    common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return tuple(str(each.value) for each in common)
