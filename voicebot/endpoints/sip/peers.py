"""Who may talk to the SIP endpoint: an allow-list kept by the kernel on the stack's own sockets.

A classic BPF program (socket filter, see `man 7 socket`, SO_ATTACH_FILTER) is made from the allowed networks and attached to
every socket the stack listens on. A stranger's datagram, or TCP handshake, is dropped before the stack sees it: no call, no
reply, no work. It needs no privilege. `voicebot.endpoints.sip.gate` puts it in place and says in the log what was dropped.
"""

from __future__ import annotations

import ctypes
import os
import socket
import stat
import struct
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network

_SO_ATTACH_FILTER = 26
_SO_MEMINFO, _MEMINFO_WORDS, _MEMINFO_DROPS = 55, 9, 8

# classic BPF (linux/bpf_common.h) and the ancillary offset of the network header (linux/filter.h)
_LD_WORD, _LD_BYTE, _AND, _JUMP, _JUMP_EQUAL, _RETURN = 0x20, 0x30, 0x54, 0x05, 0x15, 0x06
_NET_OFF = -0x100000
_IP4_SOURCE, _IP6_SOURCE = _NET_OFF + 12, _NET_OFF + 8
_PASS, _DROP = 0xFFFFFFFF, 0
_MAX_INSTRUCTIONS = 4096

Instruction = tuple[int, int, int, int]


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks from CIDR texts ("10.1.0.0/16", "2001:db8::/32", a single address). Raises ValueError naming the bad one."""
    networks: list[Network] = []
    for text in texts:
        try:
            networks.append(ip_network(text, strict=True))
        except ValueError as error:
            raise ValueError(f"peers: {text!r} is no network: {error}; write it like 10.1.0.0/16 or 192.0.2.7") from None
    return tuple(networks)


def source_filter(networks: Sequence[Network], *, inside: int = _PASS, outside: int = _DROP) -> list[Instruction]:
    """The program that returns `inside` (bytes kept) for a packet whose IP source lies in `networks`, else `outside`.

    Works on IPv4, IPv6 and dual-stack sockets: the version is read from the packet. Raises ValueError when it grows too long.
    """
    version4 = [rule for network in networks if network.version == 4 for rule in _match(network, _IP4_SOURCE, inside)]
    version6 = [rule for network in networks if network.version == 6 for rule in _match(network, _IP6_SOURCE, inside)]
    version4.append((_RETURN, 0, 0, outside))
    version6.append((_RETURN, 0, 0, outside))
    program = [
        (_LD_BYTE, 0, 0, _NET_OFF),
        (_AND, 0, 0, 0xF0),
        (_JUMP_EQUAL, 1, 0, 0x40),
        (_JUMP, 0, 0, len(version4)),
        *version4,
        *version6,
    ]
    if len(program) > _MAX_INSTRUCTIONS:
        raise ValueError(f"peers: {len(networks)} networks are too many for the kernel's filter; join neighbouring ones")
    return program


def _match(network: Network, source: int, inside: int) -> list[Instruction]:
    """Return `inside` if the source is in the network, else fall through to the next rule."""
    size = network.max_prefixlen // 8
    address, mask = int(network.network_address).to_bytes(size, "big"), int(network.netmask).to_bytes(size, "big")
    words = [(at, *struct.unpack_from(">I", address, at), *struct.unpack_from(">I", mask, at)) for at in range(0, size, 4)]
    words = [(at, value, bits) for at, value, bits in words if bits]
    rules: list[Instruction] = []
    for left, (at, value, bits) in zip(range(len(words) - 1, -1, -1), words, strict=True):
        # a mismatch skips the words left (three instructions each) and the return
        rules += [(_LD_WORD, 0, 0, source + at), (_AND, 0, 0, bits), (_JUMP_EQUAL, 0, left * 3 + 1, value)]
    return [*rules, (_RETURN, 0, 0, inside)]


def attach(sock: socket.socket, program: Sequence[Instruction]) -> None:
    """Put the program on a socket; it holds for every descriptor of it, and connections accepted later inherit it.

    Raises PermissionError: some kernels let only CAP_NET_ADMIN filter TCP.
    """
    code = b"".join(struct.pack("=HBBI", op, jump_true, jump_false, k & 0xFFFFFFFF) for op, jump_true, jump_false, k in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(buffer)))


def own_sockets(ports: Iterable[int]) -> list[socket.socket]:
    """Our process's sockets bound to one of the ports, as duplicates (the owner keeps its own descriptor)."""
    wanted = set(ports)
    found: dict[int, socket.socket] = {}  # by inode: our own duplicates turn up in the list too
    for name in os.listdir("/proc/self/fd"):
        try:
            status = os.stat(int(name))
            if not stat.S_ISSOCK(status.st_mode) or status.st_ino in found:
                continue
            sock = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue  # gone meanwhile
        if _bound_port(sock) in wanted:
            found[status.st_ino] = sock
        else:
            sock.close()
    return list(found.values())


def _bound_port(sock: socket.socket) -> int | None:
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        sock.getpeername()
    except OSError:  # not connected: it listens
        return int(sock.getsockname()[1])
    return None


def dropped(sock: socket.socket) -> int:
    """Packets the kernel dropped on this socket so far: strangers', and those that found the buffer full."""
    info = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * _MEMINFO_WORDS)
    return int(struct.unpack_from("=I", info, 4 * _MEMINFO_DROPS)[0])
