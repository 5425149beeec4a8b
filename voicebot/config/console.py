"""The pages for operations: the section `console` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, field_validator

from voicebot.accounts.roles import Role
from voicebot.config.identity import Section, safe_url
from voicebot.figures.definitions import GOALS
from voicebot.http.settings import HttpLimits, Tls

HttpsUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$", max_length=2000), AfterValidator(safe_url)]


class OidcSettings(Section):
    """The bank's own log-in (OpenID Connect, code flow with PKCE)."""

    issuer: HttpsUrl
    """Where `/.well-known/openid-configuration` is found."""
    client_id: Annotated[str, Field(min_length=1, max_length=200)]
    client_secret: SecretStr | None = None
    """None: a public client."""
    roles_claim: str = "roles"
    """The claim of the ID token with what a person may do; a list of words, or one."""
    roles: Mapping[str, Role] = {}
    """The bank's words for our roles; a word that is one of ours needs no entry."""


class ConsoleSettings(Section):
    """The console: a process of its own beside calls and web."""

    enabled: bool = True
    """False: `voicebot serve` starts none; `voicebot console serve` still runs one."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8090
    tls: Tls | None = None
    """None: HTTP, for this machine or a proxy on it."""
    proxies: tuple[str, ...] = ()
    """Networks of reverse proxies, as for web.proxies."""
    public_url: HttpsUrl | None = None
    """Where people open it: needed for the bank's log-in and for passkeys. None: http://localhost and the port."""
    language: Literal["pl", "en"] = "pl"
    """Of a person whose browser asks for neither."""
    passwords: bool = True
    """False: only the bank's log-in and passkeys."""
    oidc: OidcSettings | None = None
    drafts: Path | None = None
    """Where changes are prepared; None: drafts in state.data_dir."""
    goals: Mapping[str, Annotated[float, Field(gt=0, lt=1)]] = {}
    """Shares that the bank wants figures to reach, by their names (the column `figure` of figures.csv)."""
    limits: HttpLimits = HttpLimits()

    @field_validator("goals")
    @classmethod
    def _known_figures(cls, goals: Mapping[str, float]) -> Mapping[str, float]:
        for name in goals:
            if name not in GOALS:
                raise ValueError(f"{name!r} is no figure that has a goal; write {', '.join(GOALS)}")
        return goals
