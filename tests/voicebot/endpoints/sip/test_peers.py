"""The kernel's program lets in just the networks on the list."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.endpoints.sip.peers import Instruction, Network, parse_networks, source_filter

_NET_OFF = -0x100000
Address = IPv4Address | IPv6Address


def _run(program: Sequence[Instruction], packet: bytes) -> int:
    """The kernel's virtual machine, as much of it as the program uses (linux/filter.h)."""
    at, accumulator = 0, 0
    while True:
        code, jump_true, jump_false, k = program[at]
        at += 1
        match code:
            case 0x20:
                accumulator = struct.unpack_from(">I", packet, k - _NET_OFF)[0]
            case 0x30:
                accumulator = packet[k - _NET_OFF]
            case 0x54:
                accumulator &= k
            case 0x05:
                at += k
            case 0x15:
                at += jump_true if accumulator == k else jump_false
            case 0x06:
                return k
            case _:
                raise AssertionError(f"instruction {code:#x} is not expected")


def _packet(source: Address) -> bytes:
    """An IP header with this source."""
    if source.version == 4:
        return b"\x45" + bytes(11) + source.packed + bytes(4)
    return b"\x60" + bytes(7) + source.packed + bytes(16)


def _networks(version: int) -> st.SearchStrategy[Network]:
    bits = 32 if version == 4 else 128
    kind = IPv4Address if version == 4 else IPv6Address
    return st.tuples(st.integers(0, 2**bits - 1), st.integers(0, bits)).map(
        lambda pair: ip_network(f"{kind(pair[0])}/{pair[1]}", strict=False)
    )


NETWORKS = st.lists(st.one_of(_networks(4), _networks(6)), max_size=8)


@given(networks=NETWORKS, data=st.data())
def test_a_packet_passes_just_when_its_source_is_in_a_network(networks: list[Network], data: st.DataObject) -> None:
    sources: list[Address] = [
        data.draw(st.builds(IPv4Address, st.integers(0, 2**32 - 1))),
        data.draw(st.builds(IPv6Address, st.integers(0, 2**128 - 1))),
    ]
    for network in networks:
        within = data.draw(st.integers(0, network.num_addresses - 1))
        sources.append(type(network.network_address)(int(network.network_address) + within))
    program = source_filter(networks)
    for source in sources:
        expected = any(source in network for network in networks)
        assert (_run(program, _packet(source)) > 0) is expected


@pytest.mark.parametrize("text", ["", "trunk.example.org", "10.0.0.1/16", "10.0.0.0/33", "10.0.0"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no network"):
        parse_networks(["10.0.0.0/8", text])


def test_a_list_too_long_for_the_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="too many"):
        source_filter(parse_networks(f"10.{a}.{b}.0/24" for a in range(6) for b in range(256)))
