"""What an operator sets about the length of conversations: the section `limits` of the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Limits(BaseModel):
    """Bounds, times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_calls: Annotated[int, Field(ge=1, le=200)] = 60
    """Calls at once in this process; the SIP stack holds 255."""
    max_shared_calls: Annotated[int, Field(ge=1)] | None = None
    """Calls at once in all processes with the same state server; None: no limit."""
    max_call_s: Seconds = 600.0
    """After so long a caller is put through, whatever they are doing."""
    max_say_s: Seconds = 90.0
    """The longest that one prompt may take."""
    max_hold_s: Seconds = 300.0
    """After so long on hold a call is over."""
    understand_s: Annotated[float, Field(ge=0.2, le=10)] = 2.0
    """How long understanding one utterance may take."""
    drain_s: Seconds = 30.0
    """How long calls may go on when the service is stopped."""


DEFAULTS = Limits()

LAST_WORDS_S = 15.0
"""How long whoever is left may take to be told that they are put through, when the service stops."""
