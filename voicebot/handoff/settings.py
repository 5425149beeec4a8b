"""What an operator sets about hand-offs: the section `handoff` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, Secret, SecretStr

from voicebot.endpoints.bridge import Way
from voicebot.endpoints.sip.settings import QUEUE_ADDRESS, QueueUri, SipUri


class WebhookSettings(BaseModel):
    """Where hand-offs are announced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Secret[HttpUrl]
    """It may hold a password, so it is never shown."""
    secret: Annotated[SecretStr, Field(min_length=16)]
    """Signs every message (HMAC-SHA256)."""


class Ringing(StrEnum):
    """What a caller hears while a queue that we called rings."""

    MESSAGES = "messages"
    """Music, and now and then an approved text whose name begins with "waiting."."""
    MUSIC = "music"
    SILENCE = "silence"


class HandOffSettings(BaseModel):
    """Hand-offs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: QueueUri = QUEUE_ADDRESS
    """Where queues are; {queue} is the queue's target in the bundle."""
    addresses: Mapping[str, SipUri] = {}
    """Queues that are elsewhere, by their name in the bundle."""
    transfer_timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 10.0
    """How long a transfer may take; after that the next queue is tried."""
    still_s: Annotated[float, Field(ge=0, le=600)] = 4.0
    """After so long without news of a transfer the caller is told once that we are still connecting; 0: never."""
    way: Way = Way.AUTO
    """REFER, a bridge (we call the queue and stay between the two), or REFER and a bridge where the trunk takes none."""
    ring_s: Annotated[float, Field(gt=0, le=600)] = 25.0
    """How long a queue that we called may ring."""
    ringing: Ringing = Ringing.MESSAGES
    """What the caller hears meanwhile."""
    music: Path | None = None
    """The music, WAV, FLAC or Ogg; None: a quiet piece of our own."""
    message_every_s: Annotated[float, Field(ge=5, le=600)] = 20.0
    """So much music between two messages."""
    whisper_s: Annotated[float, Field(gt=0, le=60)] = 6.0
    """How long an agent may take to press 1 or 2 after each whisper (see `whisper` in routes.yml)."""
    max_bridge_s: Annotated[float, Field(gt=0, le=86_400)] = 14_400.0
    """The longest that a bridged call may last."""
    drain_bridged_s: Annotated[float, Field(ge=0, le=86_400)] = 10.0
    """On shutdown, how much longer than others bridged calls may go on; then they are told, and end."""
    keep_hours: Annotated[float, Field(gt=0, le=720)] = 8.0
    """How long the agent's screen can fetch what was handed over."""
    webhook: WebhookSettings | None = None
