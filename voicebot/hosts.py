"""A host as sockets and URIs want it."""

from __future__ import annotations

import socket


def uri_host(host: str) -> str:
    """An IP address as URIs and the SIP stack's settings want it: IPv6 in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def family_of(host: str) -> socket.AddressFamily:
    """The family of a socket that is bound to this address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET
