"""What an operator sets about the length of conversations: the section `limits` of the configuration."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class LoadLimits(BaseModel):
    """How late the event loop may be (95th percentile) before calls that come get less, and then nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    keys_only_lag_ms: Annotated[float, Field(gt=0, le=60_000)] = 250.0
    """Above: new calls are served with keys."""
    queue_lag_ms: Annotated[float, Field(gt=0, le=60_000)] = 500.0
    """Above: new calls are put through to the default queue at once."""
    refuse_lag_ms: Annotated[float, Field(gt=0, le=60_000)] = 1000.0
    """Above: new calls are refused."""
    over_s: Annotated[float, Field(gt=0, le=600)] = 10.0
    """For so long, for each step up."""
    calm_s: Annotated[float, Field(gt=0, le=3600)] = 20.0
    """For so long lag must be under 70 % of it, for each step down."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.keys_only_lag_ms <= self.queue_lag_ms <= self.refuse_lag_ms:
            raise ValueError("keys_only_lag_ms, queue_lag_ms and refuse_lag_ms: each must be at least the one before")
        return self


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
    load: LoadLimits = LoadLimits()


DEFAULTS = Limits()

LAST_WORDS_S = 15.0
"""How long whoever is left may take to be told that they are put through, when the service stops."""
