"""Where the service listens: no two parts of it may want the same port."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import combinations
from typing import Literal

from voicebot.config.settings import Settings
from voicebot.config.source import SettingProblem, Source, Where


@dataclass(frozen=True, slots=True)
class Listener:
    """A port, or a range of ports, of one part of the service."""

    where: Where
    """The setting that names it."""
    what: str
    transport: Literal["udp", "tcp"]
    host: str
    first: int
    last: int
    every: bool = True
    """Whether all ports are taken from the start; else one after the other, as calls come."""


def listeners(settings: Settings) -> list[Listener]:
    """All that the settings open. A new one is a line here."""
    sip, web = settings.sip, settings.web
    found = [_one(("sip", "port"), "SIP over UDP", "udp", sip.host, sip.port)] if "udp" in sip.transports else []
    if "tcp" in sip.transports:
        found.append(_one(("sip", "port"), "SIP over TCP", "tcp", sip.host, sip.port))
    if "tls" in sip.transports and sip.port:
        found.append(_one(("sip", "port"), "SIP over TLS (the port above)", "tcp", sip.host, sip.port + 1))
    found.append(Listener(("sip", "rtp_ports"), "RTP", "udp", sip.host, *sip.rtp_ports, every=False))
    asterisk, media = settings.asterisk, settings.asterisk.media
    if asterisk.used and media.websocket_port is not None:
        where = ("asterisk", "media", "websocket_port")
        found.append(_one(where, "Asterisk's sound (chan_websocket)", "tcp", media.host, media.websocket_port))
    if asterisk.used and media.audiosocket_port is not None:
        where = ("asterisk", "media", "audiosocket_port")
        found.append(_one(where, "Asterisk's sound (AudioSocket)", "tcp", media.host, media.audiosocket_port))
    if (dialplan := asterisk.dialplan) is not None:
        found.append(_one(("asterisk", "dialplan", "port"), "the dialplan's calls", "tcp", dialplan.host, dialplan.port))
    if (carriers := settings.carriers).used:
        found.append(_one(("carriers", "port"), "carriers' WebSockets", "tcp", carriers.host, carriers.port))
    if web.enabled:
        found.append(_one(("web", "port"), "the web API", "tcp", web.host, web.port))
    if web.enabled and web.chat.enabled and web.chat.port is not None:
        found.append(_one(("web", "chat", "port"), "the chat", "tcp", web.chat.host or web.host, web.chat.port))
    if settings.console.enabled:
        found.append(_one(("console", "port"), "the console", "tcp", settings.console.host, settings.console.port))
    found.append(_one(("health", "port"), "health and metrics", "tcp", settings.health.host, settings.health.port))
    return [each for each in found if each.first]  # 0: the system picks a free one


def port_conflicts(settings: Settings, source: Source) -> Iterator[SettingProblem]:
    """Listeners that want the same port. One inside a range that is used bit by bit costs a call at times, not the start."""
    for one, other in combinations(listeners(settings), 2):
        if one.transport == other.transport and _same_host(one.host, other.host):
            first, last = max(one.first, other.first), min(one.last, other.last)
            if first <= last:
                what = f"{_ports(first, last)} on {other.host} is wanted twice: by {other.what} and by {one.what}"
                advice = f"Change it, or {'.'.join(map(str, one.where))}"
                yield source.problem(other.where, what, advice, fatal=one.every and other.every)


def _one(where: Where, what: str, transport: Literal["udp", "tcp"], host: str, port: int) -> Listener:
    return Listener(where, what, transport, host, port, port)


def _same_host(one: str, other: str) -> bool:
    """Whether two addresses to bind include each other: 0.0.0.0 and :: are all."""
    addresses = [_address(host) for host in (one, other)]
    return addresses[0] == addresses[1] or any(each in ("0.0.0.0", "::") for each in addresses)  # noqa: S104


def _address(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        return "127.0.0.1" if host == "localhost" else host.lower()


def _ports(first: int, last: int) -> str:
    return f"port {first}" if first == last else f"ports {first} to {last}"
