"""Bounds of the text channel: the section `web.chat` of the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:\d{1,5})?$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class ChatSettings(BaseModel):
    """What a chat may cost, and who may open one. Chats have slots of their own: neither chats nor calls take each other's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    origins: tuple[Origin, ...] = ()
    """The bank's other sites that may embed the page or open the WebSocket, as browsers write them; its own origin always may."""
    max_chats: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Chats at once in one process."""
    max_chats_per_address: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Chats at once from one address (IPv6: one /64 network)."""
    silent_s: Seconds = 30.0
    """When all chats are taken, one whose customer has sent nothing for so long from its start gives way to another."""
    host: str | None = None
    """With `port`, the chat's own address; None: the one of the API."""
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """None: the chat is on the port of the API."""
    max_message_chars: Annotated[int, Field(ge=50, le=4000)] = 500
    max_messages_per_minute: Annotated[int, Field(ge=1, le=600)] = 30
    patience_times: Annotated[float, Field(ge=1, le=100)] = 10.0
    """Multiplies the silences of the dialogue: a person who writes is slower than one who speaks, and may be reading."""
    idle_s: Seconds = 600.0
    """A chat in which the customer sends nothing for so long ends."""
    idle_warning_s: Seconds = 120.0
    """So long before the end the customer is asked whether they are still there (WCAG 2.2, criterion 2.2.1)."""
    max_chat_s: Seconds = 3600.0
    keys_held_s: Seconds = 20.0
    """How long an announcement that can still be answered stands before the customer is handed over."""

    agents: bool = True
    """The bank's agent desk takes chats over (/api/chats). False: customers are offered the telephone, a callback, a message."""
    desk_s: Annotated[float, Field(ge=5, le=600)] = 30.0
    """A desk that says nothing for so long is gone, and its queues take no chats."""
    agent_wait_s: Seconds = 300.0
    """So long a customer waits for an agent; then they are told that nobody came, and what else can be done."""
    agent_lease_s: Annotated[float, Field(ge=1, le=120)] = 15.0
    """The chat of an agent whose process is heard nothing of for so long is given back to its queue."""
    resume_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    """A customer who waits for an agent, or has one, may lose the connection for so long."""
    max_agent_message_chars: Annotated[int, Field(ge=50, le=4000)] = 2000
    max_agent_messages_per_minute: Annotated[int, Field(ge=1, le=600)] = 60

    @model_validator(mode="after")
    def _warned_before_the_end(self) -> ChatSettings:
        if self.idle_warning_s >= self.idle_s:
            raise ValueError("idle_warning_s is not before idle_s; make it smaller, so that a quiet customer is warned in time")
        return self

    @property
    def longest_silence_s(self) -> float:
        """At least this long before the bot reminds of itself: so at most once before the idle customer's chat ends."""
        return 0.6 * self.idle_s
