"""The kernel's filters on the sockets of a call's media (classic BPF, as in `peers`): strangers' packets never reach the stack.

On UDP sockets the program sees the datagram from its UDP header on: source port at 0, payload at 8 (RFC 768).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_network

from voicebot.endpoints.sip.peers import Instruction, source_filter

_LD_WORD, _LD_HALF, _LD_BYTE, _AND = 0x20, 0x28, 0x30, 0x54
_JUMP, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _RETURN = 0x05, 0x15, 0x35, 0x06
_SOURCE_PORT, _FIRST_BYTE, _SECOND_BYTE, _SSRC = 0, 8, 9, 16
_FIRST_RTCP, _LAST_RTCP = 192, 223  # RFC 5761, 4
_DROP: Instruction = (_RETURN, 0, 0, 0)


def from_sender(address: str, port: int | None = None, ssrc: int | None = None) -> list[Instruction]:
    """Only from this address, this port when given, and of RTP only this SSRC when given. What is no RTP (RTCP, STUN, DTLS) has
    to come from there as well; a datagram too short for what is asked is dropped.
    """
    program: list[Instruction] = []
    if port is not None:
        program += [(_LD_HALF, 0, 0, _SOURCE_PORT), (_JUMP_EQUAL, 1, 0, port), _DROP]
    if ssrc is not None:
        program += [
            (_LD_BYTE, 0, 0, _FIRST_BYTE),
            (_AND, 0, 0, 0xC0),
            (_JUMP_EQUAL, 0, 6, 0x80),  # RTP's version, 2; anything else is judged by its source
            (_LD_BYTE, 0, 0, _SECOND_BYTE),
            (_JUMP_GREATER_EQUAL, 0, 1, _FIRST_RTCP),
            (_JUMP_GREATER_EQUAL, 0, 3, _LAST_RTCP + 1),
            (_LD_WORD, 0, 0, _SSRC),
            (_JUMP_EQUAL, 1, 0, ssrc),
            _DROP,
        ]
    return [*program, *source_filter([ip_network(address)])]


def either(first: Sequence[Instruction], second: Sequence[Instruction]) -> list[Instruction]:
    """What one of the two programs takes: where the first drops, the second begins."""
    end = len(first) - 1
    return [(_JUMP, 0, 0, end - at) if each == _DROP else each for at, each in enumerate(first)] + list(second)


@contextmanager
def borrowed(descriptor: int) -> Iterator[socket.socket]:
    """A descriptor of the stack's as a socket; it stays the stack's."""
    sock = socket.socket(fileno=descriptor)
    try:
        yield sock
    finally:
        sock.detach()
