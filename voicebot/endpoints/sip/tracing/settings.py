"""What an operator sets about the trace of calls and its copy for Homer."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class TraceSettings(BaseModel):
    """The trace of the last calls, in the process's memory: section `sip.trace`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: Annotated[int, Field(ge=0, le=10_000)] = 500
    """So many of the latest calls are kept; 0 keeps none."""
    megabytes: Annotated[int, Field(ge=1, le=1024)] = 16
    """Their messages take no more than this; the oldest calls go first."""


class HepSettings(BaseModel):
    """Homer, or another collector of HEP version 3, that gets a copy of every SIP message: section `sip.hep`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: Annotated[str, Field(min_length=1, max_length=253)]
    """IP address or name of the collector."""
    port: Annotated[int, Field(ge=1, le=65535)] = 9060
    node_id: Annotated[int, Field(ge=0, le=0xFFFFFFFF)] = 2001
    """The capture agent's number, by which Homer tells its agents apart."""
    password: SecretStr | None = None
    """The collector's authentication key; None sends none."""
