"""What an operator sets about hand-offs: the section `handoff` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, Secret, SecretStr

from voicebot.endpoints.sip.settings import QUEUE_ADDRESS, QueueUri, SipUri


class WebhookSettings(BaseModel):
    """Where hand-offs are announced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Secret[HttpUrl]
    """It may hold a password, so it is never shown."""
    secret: Annotated[SecretStr, Field(min_length=16)]
    """Signs every message (HMAC-SHA256)."""


class HandOffSettings(BaseModel):
    """Hand-offs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: QueueUri = QUEUE_ADDRESS
    """Where queues are; {queue} is the queue's target in the bundle."""
    addresses: Mapping[str, SipUri] = {}
    """Queues that are elsewhere, by their name in the bundle."""
    transfer_timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 10.0
    """How long a transfer may take."""
    keep_hours: Annotated[float, Field(gt=0, le=720)] = 8.0
    """How long the agent's screen can fetch what was handed over."""
    webhook: WebhookSettings | None = None
