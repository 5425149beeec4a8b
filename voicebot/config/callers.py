"""What an operator sets about callers: the customer directory, and numbers that call too often or are barred."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, Secret, SecretStr


class CrmSettings(BaseModel):
    """A CRM that is asked over HTTP, in place of the imported customers: see `voicebot.identity.crm`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Secret[HttpUrl]
    """Gets a POST per call. It may hold a password, so it is never shown."""
    token: Annotated[SecretStr, Field(min_length=16)] | None = None
    """Sent as Authorization: Bearer."""
    ca: Path | None = None
    """PEM file of the authority that signed its certificate; None: those that the machine trusts."""
    timeout_s: Annotated[float, Field(gt=0, le=0.8)] = 0.3
    """All the time it has: the caller waits, and is then served without a hint."""
    cache_s: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    """For how long an answer counts."""


class Customers(BaseModel):
    """The customer directory: the imported one, or a CRM."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    csv: Path | None = None
    """A CSV or XLSX that is imported at each start when it has changed; None: `voicebot customers import` does it."""
    sqlite: Path | None = None
    """The directory itself; None: `customers.db` in data_dir."""
    most_lost: Annotated[int, Field(ge=0)] = 1000
    """An import that takes away more numbers than this must be forced."""
    crm: CrmSettings | None = None
    """Asked in place of the imported customers."""
    attestation: bool = False
    """Whether the network's verification raises the trust in a number, for `sip.peers`; a trunk has its own `verstat`."""


class Callers(BaseModel):
    """Numbers that are marked for the agent and go behind others; nobody is refused, and an emergency never waits for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    barred: Path | None = None
    """A file of barred numbers, one a line, read again when it changes; +4870* stands for all that begin so."""
    most_calls: Annotated[int, Field(ge=1)] | None = 20
    """More calls of one number in `within_s` are too many; None: nobody counts."""
    within_s: Annotated[int, Field(ge=60, le=604_800)] = 3600
