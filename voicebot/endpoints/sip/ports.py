"""Addresses for an endpoint: a host as SIP writes it, and a free port when it is told to pick one."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Sequence

from voicebot.endpoints.errors import EndpointError
from voicebot.hosts import family_of

_TRIES = 50
_DRAWN_FROM = range(24_000, 32_000, 2)
"""Above the usual ports of RTP, and below those that the kernel gives to whoever asks for any: none of these takes the port drawn
before the stack has it.
"""


def free_port(host: str) -> int:
    """A port free for UDP and TCP on `host`, as is the one above it (where the stack listens for TLS). Raises EndpointError."""
    family = family_of(host)
    with socket.socket(family, socket.SOCK_DGRAM) as any_port:
        try:
            any_port.bind((host, 0))
        except OSError as error:
            raise EndpointError(f"sip cannot listen on {host}: {_why(error)}") from error
    for port in random.sample(_DRAWN_FROM, _TRIES):
        wanted = ((kind, number) for number in (port, port + 1) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))
        if all(_is_free(family, kind, (host, number)) for kind, number in wanted):
            return port
    raise EndpointError(f"no two free ports side by side on {host}")


def _is_free(family: socket.AddressFamily, kind: socket.SocketKind, address: tuple[str, int]) -> bool:
    with socket.socket(family, kind) as sock:
        try:
            sock.bind(address)
        except OSError:
            return False
    return True


def check_free(host: str, port: int, transports: Sequence[str]) -> None:
    """Raises EndpointError when the port is taken. The stack itself would say so only after everything else has been loaded."""
    family = family_of(host)
    wanted = {"udp": (socket.SOCK_DGRAM, port), "tcp": (socket.SOCK_STREAM, port), "tls": (socket.SOCK_STREAM, port + 1)}
    for transport in transports if port else ():
        kind, number = wanted[transport]
        with socket.socket(family, kind) as sock:
            if kind is socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of a service before us are no obstacle
            try:
                sock.bind((host, number))
            except OSError as error:
                raise EndpointError(f"sip cannot listen on {host}:{number} ({transport}): {_why(error)}") from error


def _why(error: OSError) -> str:
    match error.errno:
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address. Set sip.host to one of its own (ip address), or to 0.0.0.0 for all of them."
        case errno.EACCES:
            return f"{error.strerror}. Ports below 1024 need a privilege: set sip.port to 1024 or more."
        case errno.EADDRINUSE:
            return f"{error.strerror}. Set sip.host and sip.port to an address that is free, or stop the program that has it."
        case _:
            return f"{error.strerror}. Set sip.host and sip.port to an address that is free."
