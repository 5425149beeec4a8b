"""Registrars that are closed by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.voicebot.endpoints.sip.provider.registrar import OpenRegistrar, Registrar


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
