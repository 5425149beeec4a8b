"""The gate in front of the SIP endpoint: the allow-list in place, and one short log line about strangers it keeps out.

How many packets were dropped the kernel tells. Who sent them is known only where the process may open raw sockets
(CAP_NET_RAW, which container engines give by default): a raw socket behind the opposite filter then sees the strangers alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import Sequence
from ipaddress import ip_address

from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.sip.peers import Instruction, Network, attach, dropped, own_sockets, source_filter

log = logging.getLogger(__name__)

_LOG_INTERVAL_S = 5.0
_SOURCES_PER_LINE = 5
_SOURCES_KEPT = 1000
_HEADER_BYTES = 64
_SO_RCVBUFFORCE = 33  # linux/socket.h; needs CAP_NET_ADMIN
_RECEIVE_BYTES = 2 * 1024 * 1024
# classic BPF: load the IP header's length into X, then the half-word after it
_LDX_HEADER_LENGTH, _LD_HALF_X, _JUMP_EQUAL, _RETURN = 0xB1, 0x48, 0x15, 0x06


class PeerGate:
    """Keeps every peer outside `networks` away from this process's sockets bound to `ports`.

    `turned_away` counts the packets dropped so far. Close it when the endpoint closes.
    """

    def __init__(self, networks: Sequence[Network], ports: Sequence[int]) -> None:
        self._networks = networks
        self._ports = tuple(ports)
        self._guarded: list[socket.socket] = []
        self._watchers: dict[socket.socket, int] = {}
        self._sources: Counter[str] = Counter()
        self._reported = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def turned_away(self) -> int:
        """Packets of strangers (and such as found a full receive buffer) that the kernel dropped."""
        return sum(dropped(sock) for sock in self._guarded)

    def close_to_strangers(self) -> None:
        """Put the filter on the sockets and begin to report. Raises EndpointError when there is no socket to guard."""
        self._guarded = own_sockets(self._ports)
        if not self._guarded:
            raise EndpointError(f"the SIP stack listens on none of the ports {self._ports}: is one of them taken?")
        program = source_filter(self._networks)
        try:
            for sock in self._guarded:
                attach(sock, program)
                _enlarge(sock)
        except PermissionError as error:
            raise EndpointError(
                "this kernel lets only privileged processes filter TCP, and without the filter anybody could call. "
                "Give the service CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_NET_ADMIN), or set sip.transports: [udp]"
            ) from error
        if not self._networks:
            log.warning("sip peers: the allow-list is empty, so nobody can call; set it to your trunk's networks")
        self._watch()
        self._task = asyncio.get_running_loop().create_task(self._report(), name="sip-peer-gate")

    def let_in(self, networks: Sequence[Network]) -> None:
        """Other networks from now on. Connections that are open keep the filter they were accepted with."""
        self._networks = networks
        for sock in self._guarded:
            attach(sock, source_filter(networks))
        for sock, port in self._watchers.items():
            attach(sock, _strangers_of(port, networks))

    async def close(self) -> None:
        """Stop reporting; the filter stays on the sockets as long as they live."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        loop = asyncio.get_running_loop()
        for sock in self._watchers:
            loop.remove_reader(sock)
            sock.close()
        for sock in self._guarded:
            sock.close()
        self._watchers, self._guarded = {}, []

    def _watch(self) -> None:
        """Where allowed, see the source addresses of what is dropped."""
        loop = asyncio.get_running_loop()
        for protocol in (socket.IPPROTO_UDP, socket.IPPROTO_TCP):
            for port in self._ports:
                try:
                    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
                except OSError:  # not privileged: counts only
                    return
                attach(sock, _strangers_of(port, self._networks))
                sock.setblocking(False)
                loop.add_reader(sock, self._note_source, sock)
                self._watchers[sock] = port

    def _note_source(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):  # there was none after all
            source = sock.recvfrom(_HEADER_BYTES)[1][0]
            if len(self._sources) < _SOURCES_KEPT or source in self._sources:
                self._sources[source] += 1

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_LOG_INTERVAL_S)
            try:
                self._report_once()
            except Exception:  # what cannot be told now may be told next time
                log.exception("sip strangers cannot be counted")

    def _report_once(self) -> None:
        total = self.turned_away
        if total > self._reported:
            log.warning("sip stranger dropped: %d packets%s", total - self._reported, self._who())
            self._reported = total
            self._sources.clear()

    def _who(self) -> str:
        named = [f"{ip_address(source)} ({count})" for source, count in self._sources.most_common(_SOURCES_PER_LINE)]
        return f" from {', '.join(named)}" if named else ""


def _enlarge(sock: socket.socket) -> None:
    """Room for a burst of datagrams: as much as the system allows (net.core.rmem_max), or more where we may say so."""
    if sock.type != socket.SOCK_DGRAM:
        return
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BYTES)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)


def _strangers_of(port: int, networks: Sequence[Network]) -> list[Instruction]:
    """For a raw IPv4 socket: the first bytes of packets to `port` from outside `networks`, nothing else."""
    return [
        (_LDX_HEADER_LENGTH, 0, 0, 0),
        (_LD_HALF_X, 0, 0, 2),
        (_JUMP_EQUAL, 1, 0, port),
        (_RETURN, 0, 0, 0),
        *source_filter(networks, inside=0, outside=_HEADER_BYTES),
    ]
