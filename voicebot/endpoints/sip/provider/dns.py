"""Where a provider is (RFC 3263): SRV records by priority and weight (RFC 2782), else the addresses of the name."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver

from voicebot.endpoints.sip.provider.messages import Place
from voicebot.endpoints.sip.provider.sending import NoReply
from voicebot.endpoints.sip.provider.settings import host_and_port

_SERVICES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}
_LOOK_UP_S = 5.0
_HOSTS = Path("/etc/hosts")
_MOST_PLACES = 16


@dataclass(frozen=True, slots=True)
class _Server:
    priority: int
    weight: int
    name: str
    port: int


def resolver_of(servers: Sequence[str]) -> dns.asyncresolver.Resolver | None:
    """One that asks these name servers (address, or address:port) alone; None for none: the machine's are asked."""
    if not servers:
        return None
    made = dns.asyncresolver.Resolver(configure=False)
    asked = [host_and_port(server) for server in servers]
    made.nameservers = [dns.nameserver.Do53Nameserver(host, port or 53) for host, port in asked]
    return made


class Lookup:
    """Asks the machine's name servers, and keeps nothing: they do, for as long as the records say."""

    def __init__(self, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        self._resolver = resolver

    async def places(self, named: str, transport: str) -> list[Place]:
        """The addresses of a host, or host:port, in the order to try them. Raises NoReply when there is none."""
        host, port = host_and_port(named)
        try:
            return [Place(transport, str(ip_address(host)), port or _PORTS[transport])]
        except ValueError:
            pass  # a name
        try:
            async with asyncio.timeout(_LOOK_UP_S):
                servers = [] if port else await self._servers(host, transport)
                found: list[Place] = []
                for each in servers or [_Server(0, 0, host, port or _PORTS[transport])]:
                    # a certificate is for the name that was asked for, not for what DNS made of it (RFC 5922, 4)
                    found += [Place(transport, address, each.port, host) for address in await self._addresses(each.name)]
        except TimeoutError:
            raise NoReply(f"no name server tells where {host} is") from None
        if not found:
            raise NoReply(f"no name server knows {host}")
        return found[:_MOST_PLACES]

    def _asked(self) -> dns.asyncresolver.Resolver:
        if self._resolver is None:
            try:
                self._resolver = dns.asyncresolver.Resolver()
            except dns.exception.DNSException as error:
                raise NoReply(f"this machine has no name server: {error}") from None
        return self._resolver

    async def _servers(self, name: str, transport: str) -> list[_Server]:
        try:
            answer = await self._asked().resolve(f"{_SERVICES[transport]}.{name}", dns.rdatatype.SRV, lifetime=_LOOK_UP_S / 2)
        except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
            return []
        except dns.exception.DNSException as error:
            raise NoReply(f"no name server tells where {name} is: {type(error).__name__}") from None
        return in_order([(each.priority, each.weight, str(each.target).rstrip("."), each.port) for each in answer])

    async def _addresses(self, name: str) -> list[str]:
        found: list[str] = [*_from_hosts(name)]
        for kind in () if found else (dns.rdatatype.A, dns.rdatatype.AAAA):
            try:
                answer = await self._asked().resolve(name, kind, lifetime=_LOOK_UP_S / 2)
            except dns.exception.DNSException:
                continue
            found += [str(each.address) for each in answer]
        return found


def in_order(records: Sequence[tuple[int, int, str, int]]) -> list[_Server]:
    """SRV records (priority, weight, name, port) in the order to try them: by priority, then by chance that follows the weights
    (RFC 2782). A single "." says that the service is not there.
    """
    left = [_Server(*each) for each in records if each[2]]
    ordered: list[_Server] = []
    while left:
        best = [each for each in left if each.priority == min(other.priority for other in left)]
        # no weight is a very small one, beside others that have some
        chosen = random.choices(best, [each.weight or 0.01 for each in best])[0]  # noqa: S311  no secret hangs on it
        ordered.append(chosen)
        left.remove(chosen)
    return ordered


def _from_hosts(name: str) -> list[str]:
    """What /etc/hosts says, as for every program of the machine."""
    try:
        lines = _HOSTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    words = [line.partition("#")[0].split() for line in lines]
    return [each[0] for each in words if name.lower() in [other.lower() for other in each[1:]]]
