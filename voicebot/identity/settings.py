"""Identity: the section `identity` of the configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from voicebot.endpoints.web_call.settings import WebCallSettings


class IdentitySettings(BaseModel):
    """Who calls, and how it is proven."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    web_calls: WebCallSettings = WebCallSettings()
