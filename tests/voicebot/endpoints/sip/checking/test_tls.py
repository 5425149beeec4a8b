"""TLS of the far end: what its certificate says, and what is told of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.voicebot.endpoints.sip.checking.test_check import HOST, checked, replying, written


def certificate(folder: Path, days: int) -> Path:
    """Of localhost, self-signed, good for so many days from now: its PEM with the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(made.public_bytes(pem) + private)
    return path


@asynccontextmanager
async def tls_far_end(pem: Path, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> AsyncIterator[int]:
    """Answers OPTIONS with 200 by TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.maximum_version = newest

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            writer.write(replying("200 OK")(request, (HOST, 0)))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, HOST, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_certificate_is_told_with_its_name_its_end_and_who_signed_it(tmp_path: Path) -> None:
    async with tls_far_end(certificate(tmp_path, 200), ssl.TLSVersion.TLSv1_2) as port:
        code, found = await checked(written(tmp_path), "peers", "--address", f"sips:localhost:{port}")
    assert code == 0, found
    assert found["OPTIONS tls"]["outcome"] == "ok", found
    assert found["TLS"]["outcome"] == "warning"
    assert "TLSv1.2, certificate for localhost until" in found["TLS"]["what"]
    assert "self-signed" in found["TLS"]["what"]


async def test_an_expired_certificate_fails(tmp_path: Path) -> None:
    async with tls_far_end(certificate(tmp_path, -3)) as port:
        code, found = await checked(written(tmp_path), "peers", "--address", f"sips:{HOST}:{port}")
    assert code == 1
    assert "expired" in found["TLS"]["what"]


async def test_a_far_end_without_tls_fails(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), HOST, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        code, found = await checked(written(tmp_path), "peers", "--address", f"sips:{HOST}:{port}", "--timeout", "3")
    assert code == 1
    assert found["TLS"]["outcome"] == "failed"
    assert found["OPTIONS tls"]["outcome"] == "failed"


async def test_our_own_certificate_is_looked_at(tmp_path: Path) -> None:
    sip = {"transports": ["tls"], "tls_certificate": str(certificate(tmp_path, 10))}
    _, found = await checked(written(tmp_path, sip=sip), "peers", "--address", f"sips:{HOST}:1", "--timeout", "1")
    assert found["own certificate"]["outcome"] == "warning"
