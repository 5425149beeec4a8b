"""What the pages of the console work on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from dialogs.data.bundle import Bundle
from voicebot.accounts.oidc import OidcLogin
from voicebot.accounts.passkeys import Passkeys
from voicebot.accounts.sessions import Sessions
from voicebot.accounts.users import Users
from voicebot.chat.agents import AgentPlace
from voicebot.config.settings import Settings
from voicebot.handoff.callback_service import CallbackService
from voicebot.identity.audit import AuditTrail
from voicebot.metrics.registry import Metrics
from voicebot.releases.drafts import Drafts
from voicebot.releases.store import Releases
from voicebot.review.children import StudyChildren
from voicebot.review.teaching import Draft
from voicebot.stores import Stores
from voicebot.switches.board import SwitchBoard


@dataclass(frozen=True, slots=True)
class ConsoleParts:
    """Open for as long as the console runs."""

    settings: Settings
    stores: Stores
    engine: Engine
    """The records' database, its tables up to date; for stores of your own, in threads."""
    users: Users
    sessions: Sessions
    passkeys: Passkeys
    oidc: OidcLogin | None
    """The bank's own log-in; None where there is none."""
    switches: SwitchBoard
    audit: AuditTrail
    callbacks: CallbackService
    chats: AgentPlace | None
    """Chats that were handed over; None where agents take none."""
    bundle: Callable[[], Bundle]
    """In force now."""
    releases: Releases
    in_force: Callable[[], Settings]
    """The settings, with bundle and training data of the release in force."""
    drafts: Drafts
    """The draft of the next release."""
    studies: StudyChildren
    """Long reckonings about what is understood, in processes of their own."""
    draft: Draft
    """The pack as it will be, with the lines that were taught."""
    calls_health: Callable[[], Awaitable[dict[str, Any]]]
    """How the calls' process says it is; {} when it does not answer."""
    metrics: Metrics
    clock: Callable[[], datetime]
    """The time of day that the service goes by, aware."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """The console ends: nobody is kept waiting any more."""
