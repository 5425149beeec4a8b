"""What an operator sets about carriers' WebSockets: the section `carriers` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator

from caller_id.rules import CallerIdRules
from voicebot.endpoints.carriers.genesys_signature import decoded
from voicebot.http.settings import Tls

Port = Annotated[int, Field(ge=0, le=65535)]
Token = Annotated[SecretStr, Field(min_length=16)]
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]+$")]
WssUrl = Annotated[str, StringConstraints(pattern=r"^wss://[^\s?#]+$")]
_SHORTEST_SECRET = 16
Address = Annotated[str, StringConstraints(pattern=r"^(sips?:[^\s<>]+@[^\s<>]+|\+[0-9]{6,15})$")]


class Transfers(BaseModel):
    """Where queues are for a carrier that puts callers through by its REST interface."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: Address
    """The default queue, a SIP URI or a number in E.164: whoever cannot be put through elsewhere goes there."""
    addresses: Mapping[str, Address] = {}
    """Of queues, by their target in routes.yml."""
    request_s: Annotated[float, Field(gt=0, le=30)] = 5.0
    """How long the carrier may take to answer one request."""
    caller_id: CallerIdRules = CallerIdRules()
    """How the number that the carrier tells is read."""


class TwilioSettings(Transfers):
    """Twilio, by <Connect><Stream>."""

    account: Annotated[str, StringConstraints(pattern=r"^AC[0-9a-f]{32}$")]
    """The account's SID."""
    auth_token: Token
    """Signs their requests (X-Twilio-Signature), and is the password of ours."""
    public_url: WssUrl
    """What <Stream url> says: the signature covers it."""
    api: HttpUrl = "https://api.twilio.com"


class TelnyxSettings(Transfers):
    """Telnyx, by <Connect><Stream> of TeXML or streaming_start."""

    api_key: Token
    token: Token
    """Stands in the stream's URL: …/telnyx?token=…"""
    api: HttpUrl = "https://api.telnyx.com"


class GenesysSettings(BaseModel):
    """Genesys Cloud, by AudioHook (Audio Connector)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: Token
    """What the integration sends as X-API-KEY."""
    client_secret: SecretStr | None = None
    """Of the same credential, in base64. With it every handshake must be signed (RFC 9421); None: the key alone is asked for."""
    authority: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.\[\]:-]+$")] | None = None
    """Host of the URL that Genesys has, and its port if it names one: signed too. None: the header Host."""
    caller_id: CallerIdRules = CallerIdRules()
    """How the number that Genesys tells is read."""

    @field_validator("client_secret")
    @classmethod
    def _is_long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(decoded(secret.get_secret_value())) < _SHORTEST_SECRET:
            raise ValueError(f"client_secret has fewer than {_SHORTEST_SECRET} octets: make a longer one in Genesys")
        return secret


class CarriersSettings(BaseModel):
    """Carriers' WebSockets. Without one of the three nothing is opened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Port = 8094
    tls: Tls | None = None
    """wss, which is all that carriers speak; None: a proxy before us ends the TLS."""
    twilio: TwilioSettings | None = None
    telnyx: TelnyxSettings | None = None
    genesys: GenesysSettings | None = None
    max_connections: Annotated[int, Field(ge=1, le=10_000)] = 400
    silent_s: Annotated[float, Field(ge=3, le=3600)] = 60.0
    """A call of which no sound at all has come for so long is dead."""

    @property
    def used(self) -> bool:
        """Whether any call can come by a carrier's WebSocket."""
        return any((self.twilio, self.telnyx, self.genesys))
