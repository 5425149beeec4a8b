"""Who may vouch for customers, and how: the section `identity` of the configuration."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from caller_id.ticket import LONGEST_LIFE
from voicebot.endpoints.web_call.settings import WebCallSettings


class May(StrEnum):
    """What a bank client may ask for."""

    TICKETS = "tickets"
    ADVISOR_PROOFS = "advisor_proofs"
    CURRENT_CALLS = "current_calls"


_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def safe_url(url: str) -> str:
    """Keys that anybody on the way could replace prove nothing."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return url
    raise ValueError("write https://…; http:// only for this machine")


KeysUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$", max_length=2000), AfterValidator(safe_url)]
ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}$")]
Algorithm = Literal["ES256", "Ed25519"]


class Section(BaseModel):
    """Unknown names are mistakes, and nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ClientSettings(Section):
    """One system of the bank that may ask: it signs each request with a key of its own (private_key_jwt, RFC 7523)."""

    id: ClientId
    """Its name, as it stands in `iss` and `sub`."""
    jwks_file: Path | None = None
    """Its public keys (JWKS, RFC 7517); read again when the file changes."""
    jwks_url: KeysUrl | None = None
    """Or where it publishes them; read again after five minutes, and for a key that is not known yet."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("Ed25519", "ES256")
    may: Annotated[tuple[May, ...], Field(min_length=1)]
    require_fingerprint: bool = False
    """Its tickets must be bound to the DTLS certificate of the app's call."""
    per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 600
    """Requests."""

    @model_validator(mode="after")
    def _one_place(self) -> ClientSettings:
        if (self.jwks_file is None) == (self.jwks_url is None):
            raise ValueError("name the client's public keys, by jwks_file or by jwks_url (one of them)")
        return self


class TicketSettings(Section):
    """Tickets for calls of customers whom the bank's app has authenticated."""

    life_s: Annotated[int, Field(ge=10, le=int(LONGEST_LIFE.total_seconds()))] = 60
    """From its issue to the call."""
    per_customer_minute: Annotated[int, Field(ge=1, le=1000)] = 5
    """So many tickets one customer may get in a minute."""
    per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 1200
    """And all together."""
    code_digits: Annotated[int, Field(ge=7, le=12)] = 9
    """Of the short code for a telephone call; the first one is always 8."""
    code_tries: Annotated[int, Field(ge=1, le=10)] = 3
    """So many codes one call may try."""
    wrong_codes_per_minute: Annotated[int, Field(ge=1, le=1000)] = 20
    """After so many wrong ones in all calls together no code is taken until the minute is over."""

    @property
    def life(self) -> timedelta:
        """How long a ticket lives."""
        return timedelta(seconds=self.life_s)


class CibaSettings(Section):
    """The provider that asks customers in the bank's app (OpenID CIBA); see docs/identity.md. The first of our keys signs."""

    issuer: KeysUrl
    """Its name, and where its metadata are found (`/.well-known/openid-configuration`)."""
    client_id: ClientId
    """What it calls us."""
    mode: Literal["ping", "poll"] = "ping"
    """ping: it tells our `POST /api/ciba/ping` when the customer has answered; asked for at its interval in any case."""
    signed: bool = True
    """The request is a JWT (FAPI-CIBA asks for it)."""
    levels: tuple[Name, ...] = ()
    """How the customer must be authenticated (`acr`), the best first; () takes any."""
    customer_claim: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")] = "sub"
    """The claim of the id_token that holds the customer's reference, as the directory has it; Keycloak: preferred_username."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("Ed25519", "ES256")
    """Of its id_tokens."""
    life_s: Annotated[int, Field(ge=20, le=170)] = 90
    """How long a customer has to confirm."""
    per_customer_day: Annotated[int, Field(ge=1, le=100)] = 6
    """So many requests one customer's app may show in a day."""


class AdvisorSettings(Section):
    """Calls of the bank that its customers may ask about."""

    life_s: Annotated[int, Field(ge=60, le=7200)] = 1800
    """An advisor's call is shown so long, unless the desk says that it is over."""


class IdentitySettings(Section):
    """Proofs of who calls."""

    name: Name = "voicebot"
    """What this service is called in tokens: clients write it in `aud`, tickets carry it. One service, one name."""
    keys_file: Path | None = None
    """Our own signing keys (a private JWKS, mode 600); None: `identity-keys.json` in data_dir, made when it is missing."""
    clients: tuple[ClientSettings, ...] = ()
    """Systems of the bank."""
    tickets: TicketSettings = TicketSettings()
    web_calls: WebCallSettings = WebCallSettings()
    ciba: CibaSettings | None = None
    """None: no app is asked."""
    advisors: AdvisorSettings = AdvisorSettings()

    @model_validator(mode="after")
    def _one_of_each(self) -> IdentitySettings:
        names = [client.id for client in self.clients]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"clients: {twice} is there twice; give each client an id of its own")
        return self
