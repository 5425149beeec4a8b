"""Where the manager interface is: the section `asterisk.ami` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints


class AmiSettings(BaseModel):
    """The manager interface: asked for QueueSummary by the service, and listened to by `voicebot queue-events ami`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 5038
    """5039 where Asterisk has `tlsenable`."""
    tls: bool = False
    """From the first octet; the certificate must be for `host`."""
    ca_file: Path | None = None
    """Authorities beside those of the machine."""
    user: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "voicebot"
    """As in manager.conf."""
    password: Annotated[SecretStr, Field(min_length=16)]
    every_s: Annotated[float, Field(ge=1, le=60)] = 10.0
    queues: Mapping[str, str] = {}
    """Queues of queues.conf that have another name than their target in routes.yml: {hotline: general}."""
