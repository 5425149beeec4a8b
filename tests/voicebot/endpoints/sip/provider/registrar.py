"""A provider's registrar on loopback: real datagrams (or TCP), digest of its own, and the faults that real ones have."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import ssl
from dataclasses import dataclass, field
from typing import Any, Protocol

Address = tuple[Any, ...]
HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def hashed(algorithm: str, *parts: str) -> str:
    return HASHES[algorithm](":".join(parts).encode()).hexdigest()


@dataclass
class Registrar(asyncio.DatagramProtocol):
    """Its fields are what a test sets; `contacts` is who is registered, with the seconds that are left."""

    user: str = "bot"
    password: str = "right"
    realm: str = "provider.example"
    algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    min_expires_s: int = 0
    grants_s: int | None = None
    """Whatever is asked for."""
    busy: list[int] = field(default_factory=list)
    """Seconds of Retry-After, one for each request that gets 503."""
    stale: int = 0
    """So many right answers are answered with a new, stale challenge."""
    silent: bool = False
    options: int = 200
    contacts: dict[str, int] = field(default_factory=dict)
    seen: list[dict[str, str]] = field(default_factory=list)
    """The headers of every request; ":method" and ":from" (who sent it) beside them."""
    nonce: str = ""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    @property
    def port(self) -> int:
        return int(self.transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: Address) -> None:
        answer = self.answer(data.decode(), addr)
        if answer:
            self.transport.sendto(answer.encode(), addr)

    def answer(self, text: str, addr: Address) -> str:
        first, *lines = text.split("\r\n\r\n")[0].split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        headers |= {":method": first.split(" ")[0], ":from": f"{addr[0]}:{addr[1]}"}
        self.seen.append(headers)
        if self.silent:
            return ""
        status, more = self._judge(headers)
        kept = [f"{name}: {headers[name]}" for name in ("via", "from", "to", "call-id", "cseq")]
        return "\r\n".join([f"SIP/2.0 {status} {'OK' if status == 200 else 'No'}", *kept, *more, "Content-Length: 0", "", ""])

    def _judge(self, headers: dict[str, str]) -> tuple[int, list[str]]:
        if headers[":method"] == "OPTIONS":
            return self.options, []
        if self.busy:
            return 503, [f"Retry-After: {self.busy.pop(0)}"]
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', headers.get("authorization", "")))
        if not given or given.get("nonce") != self.nonce:
            return 401, self._challenge(stale=bool(given))
        algorithm = given["algorithm"]
        secret = hashed(algorithm, self.user, self.realm, self.password)
        asked = hashed(algorithm, "REGISTER", given["uri"])
        right = hashed(algorithm, secret, self.nonce, given["nc"], given["cnonce"], given["qop"], asked)
        if given["response"] != right or algorithm not in self.algorithms:
            return 401, self._challenge(stale=False)
        if self.stale:
            self.stale -= 1
            return 401, self._challenge(stale=True)
        expires = int(headers["expires"])
        if 0 < expires < self.min_expires_s:
            return 423, [f"Min-Expires: {self.min_expires_s}"]
        contact = headers["contact"].strip("<>")
        if expires == 0:
            self.contacts.pop(contact, None)
            return 200, []
        self.contacts[contact] = granted = self.grants_s or expires
        return 200, [f"Contact: <{contact}>;expires={granted}"]

    def _challenge(self, *, stale: bool) -> list[str]:
        self.nonce = secrets.token_hex(8)
        end = ", stale=true" if stale else ""
        start = f'WWW-Authenticate: Digest realm="{self.realm}", nonce="{self.nonce}", qop="auth"'
        return [f"{start}, algorithm={each}{end}" for each in self.algorithms]


class OpenRegistrar(Protocol):
    async def __call__(self, registrar: Registrar, host: str = ...) -> Registrar: ...


async def open_tcp(registrar: Registrar, tls: ssl.SSLContext | None = None) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while text := await reader.readuntil(b"\r\n\r\n"):
                answer = registrar.answer(text.decode(), writer.get_extra_info("peername"))
                if not answer:
                    return
                writer.write(answer.encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
