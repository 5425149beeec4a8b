"""A manager interface that speaks as 22.10.1 was seen to, on a real port."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections import deque
from dataclasses import dataclass

from voicebot.ami.connection import parse_block

PASSWORD = "ami-password-1234"
CHALLENGE = "840415273"


@dataclass
class Visit:
    """How one connection is answered."""

    told: bytes = b""
    """Behind the login, where events are asked for."""
    banner: bytes = b"Asterisk Call Manager/11.0.0\r\n"
    refused: bool = False
    stays: bool = False
    """Or it is cut when all was told."""


class FakeManager:
    """Banner, challenge, login, QueueSummary; an event that nobody asked for comes in between."""

    def __init__(self) -> None:
        self.queues: list[dict[str, object]] = []
        self.logins = 0
        self.wanted: list[str] = []
        """The classes of events of each login."""
        self.junk = b""
        self.visits: deque[Visit] = deque()
        """Of the next connections; after them all are well served, and stay."""
        self.tls: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._served, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        visit = self.visits.popleft() if self.visits else Visit(stays=True)
        writer.write(visit.banner)
        try:
            while True:
                said = parse_block(await reader.readuntil(b"\r\n\r\n"))
                for answer in self._answers(said, visit):
                    writer.write(answer)
                if said["action"] == "Login" and not visit.stays:
                    await writer.drain()
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answers(self, said: dict[str, str], visit: Visit) -> list[bytes]:
        match said["action"]:
            case "Challenge":
                return [block(Response="Success", Challenge=CHALLENGE)]
            case "Login":
                key = hashlib.md5(f"{CHALLENGE}{PASSWORD}".encode()).hexdigest()
                if visit.refused or (said["username"], said["key"]) != ("voicebot", key):
                    return [block(Response="Error", Message="Authentication failed")]
                self.logins += 1
                self.wanted.append(said["events"])
                accepted = block(Response="Success", Message="Authentication accepted")
                return [accepted, block(Event="FullyBooted"), visit.told if said["events"] != "off" else b""]
            case "QueueSummary":
                events = [block(Event="QueueSummary", **each) for each in self.queues]
                return [block(Response="Success"), self.junk, *events, block(Event="QueueSummaryComplete")]
            case "Ping":
                return []  # as one whose machine is gone
        raise AssertionError(said)


def block(**said: object) -> bytes:
    """One message."""
    return ("".join(f"{name}: {value}\r\n" for name, value in said.items()) + "\r\n").encode()
