"""What clients may cost: the sections `web.limits` and `web.tls` of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=3600)]


class HttpLimits(BaseModel):
    """Limits of one HTTP server. A client that goes beyond one of them loses its connection; nobody else notices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Open at once, in all."""
    max_per_address: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Open at once from one address (IPv6: one /64 network). Those of a proxy named in `proxies` are counted by its header."""
    header_s: Seconds = 10.0
    """From the connection, or the first octet of a further request, to the end of its headers."""
    body_s: Seconds = 20.0
    """From the headers to the end of the body."""
    answer_s: Seconds = 60.0
    """From the end of the body until the answer is taken. WebSockets have none."""
    keep_alive_s: Seconds = 15.0
    """An idle connection waits so long for the next request."""
    max_body_octets: Annotated[int, Field(ge=1024, le=100_000_000)] = 64 * 1024
    """A longer body is refused before it is read."""


class Tls(BaseModel):
    """HTTPS instead of HTTP: PEM files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: Path
    """With the chain, the server's own first."""
    key: Path
