"""Registrars that are closed by the test."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.voicebot.endpoints.sip.provider.registrar import OpenRegistrar, Registrar


@pytest.fixture(scope="session")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For 127.0.0.1, with its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("the command openssl makes the test's certificate: install it to test TLS")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    both.write_text(certificate.read_text() + key.read_text())
    return both


@pytest.fixture
async def open_registrar() -> AsyncIterator[OpenRegistrar]:
    opened: list[Registrar] = []

    async def open_one(registrar: Registrar, host: str = "127.0.0.1") -> Registrar:
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: registrar, local_addr=(host, 0))
        opened.append(registrar)
        return registrar

    yield open_one
    for each in opened:
        each.transport.close()
