"""What an operator sets about cases: the section `cases` of the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Hours = Annotated[float, Field(gt=0, le=200)]


class CasesSettings(BaseModel):
    """Cases. Hours are opening hours of the queue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    """False: messages and callbacks never become cases."""
    message_hours: Hours = 8.0
    """Until then a message should be dealt with."""
    emergency_hours: Hours = 0.5
    """Until then a message of the highest priority should be: a lost card cannot wait for a working day."""
    callback_hours: Hours = 8.0
    """A callback that nobody made until then becomes a case, which is due after as long again."""
    keep_days: Annotated[int, Field(ge=1, le=3660)] | None = 90
    """Cases that were done longer ago are deleted with their history; None keeps them."""
    look_every_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """How often messages and callbacks are looked through."""
