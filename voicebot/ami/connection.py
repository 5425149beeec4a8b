"""One connection to the manager interface. What the other end says is bounded: in octets a message, and in time an answer.

Whoever opens or uses one must expect `FAULTS`.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from voicebot.ami.settings import AmiSettings

_ANSWER_S = 5.0
_SILENT_S = 30.0
_MOST_OCTETS = 64 * 1024
_MOST_UNASKED = 2000
_BANNER = b"Asterisk Call Manager/"
_END = b"\r\n\r\n"


class AmiError(Exception):
    """The manager interface does not answer, or not as asked."""


FAULTS = (OSError, TimeoutError, AmiError)


def parse_block(octets: bytes) -> dict[str, str]:
    """One message: lines of name and value. Names are lower-case; whatever is no such line is left out.

    A channel's variables have the variable's name, too: `chanvariable(handoff_ref)`.
    """
    found: dict[str, str] = {}
    for line in octets.decode(errors="replace").splitlines():
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if name.endswith("chanvariable"):
            variable, _, value = value.partition("=")
            name = f"{name}({variable.lower()})"
        if colon:
            found[name] = value
    return found


class Manager:
    """A connection that is logged in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, silent_s: float = _SILENT_S) -> None:
        self._reader = reader
        self._writer = writer
        self._silent_s = silent_s

    async def read(self) -> dict[str, str]:
        """The next message."""
        return parse_block(await self._until(_END))

    async def ask(self, action: str, **more: str) -> dict[str, str]:
        """The response. Events that come before it are passed over."""
        await self._send(action, **more)
        for _ in range(_MOST_UNASKED):
            if "response" in (said := await self.read()):
                return said
        raise AmiError(f"no response to {action} among {_MOST_UNASKED} messages")

    async def event(self) -> dict[str, str]:
        """The next event. Where nothing comes for long, the other end is asked whether it is there."""
        asked = False
        while True:
            try:
                async with asyncio.timeout(self._silent_s):
                    said = await self.read()
            except TimeoutError:
                if asked:
                    raise AmiError(f"Asterisk has been silent for {2 * self._silent_s:g} s") from None
                asked = True
                await self._send("Ping")
                continue
            if "event" in said:
                return said

    async def _until(self, end: bytes) -> bytes:
        try:
            return await self._reader.readuntil(end)
        except asyncio.IncompleteReadError:
            raise AmiError("Asterisk closed the connection") from None
        except asyncio.LimitOverrunError:
            raise AmiError(f"a message of more than {_MOST_OCTETS} octets") from None

    async def _send(self, action: str, **more: str) -> None:
        lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in more.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        async with asyncio.timeout(_ANSWER_S):
            await self._writer.drain()

    async def _log_in(self, settings: AmiSettings, events: str) -> None:
        """By challenge: the password never travels."""
        if not (await self._until(b"\n")).startswith(_BANNER):
            raise AmiError("what answers there is no manager interface (asterisk.ami.host and port)")
        challenge = (await self.ask("Challenge", AuthType="MD5")).get("challenge", "")
        secret = f"{challenge}{settings.password.get_secret_value()}"
        key = hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest()
        said = await self.ask("Login", AuthType="MD5", Username=settings.user, Key=key, Events=events)
        if said.get("response") != "Success":
            raise AmiError("Asterisk refuses the login (asterisk.ami.user and password; manager.conf)")


@asynccontextmanager
async def manager(settings: AmiSettings, *, events: str, silent_s: float = _SILENT_S) -> AsyncIterator[Manager]:
    """Connected and logged in. `events` are the classes of events that are wanted, such as "agent,call", or "off"."""
    context = _context(settings) if settings.tls else None
    async with asyncio.timeout(_ANSWER_S):
        reader, writer = await asyncio.open_connection(settings.host, settings.port, limit=_MOST_OCTETS, ssl=context)
    try:
        opened = Manager(reader, writer, silent_s=silent_s)
        async with asyncio.timeout(_ANSWER_S):
            await opened._log_in(settings, events)
        yield opened
    finally:
        writer.close()


def _context(settings: AmiSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        context.load_verify_locations(cafile=str(settings.ca_file))
    return context
