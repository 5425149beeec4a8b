"""Calls of the bank's app and web pages: the section `identity.web_calls` of the configuration."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, SecretStr, StringConstraints, model_validator

Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:\d{1,5})?$")]
IceUrl = Annotated[str, StringConstraints(pattern=r"^(stuns?|turns?):[^\s?]+(\?transport=(udp|tcp))?$")]
Address = Annotated[str, AfterValidator(lambda text: str(ip_address(text)))]
Network = Annotated[IPv4Network | IPv6Network, PlainSerializer(str)]
Stack = Annotated[str, StringConstraints(pattern=r"^([0-9.]+|\[[0-9a-f:]+\]):\d{1,5}$")]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class IceServer(BaseModel):
    """STUN or TURN servers that apps are told of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    urls: Annotated[tuple[IceUrl, ...], Field(min_length=1)]
    secret: Annotated[SecretStr, Field(min_length=16)] | None = None
    """Shared with the TURN server (coturn: `static-auth-secret`), of which passwords for one call are made; None: STUN."""

    @model_validator(mode="after")
    def _turn_has_a_secret(self) -> IceServer:
        if self.secret is None and any(url.startswith("turn") for url in self.urls):
            raise ValueError("a turn: server without a secret would take nobody: give the secret it shares with us")
        return self


class WebCallSettings(BaseModel):
    """What a call of the app may cost, and how it is reached."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = False
    """Whether tickets can be used for calls from the app."""
    user: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{2,30}$")] = "app-call"
    """The SIP user that takes them. No trunk needs to know it: it is refused to everybody but this machine."""
    stacks: tuple[Stack, ...] = ()
    """SIP addresses (host:port) of the processes of calls, where the web runs beside several; none: sip.host and sip.port."""
    origins: tuple[Origin, ...] = ()
    """The bank's pages that may call, as browsers write them. An app sends none, and may."""
    ice_servers: tuple[IceServer, ...] = ()
    turn_password_s: Annotated[int, Field(ge=60, le=86_400)] = 7200
    """How long a TURN server takes the password of one call: as long as a call may last, and the time to begin it."""
    public_address: Address | None = None
    """What apps are told instead of this machine's own address, behind a 1:1 address translation."""
    never_send_to: tuple[Network, ...] = ()
    """Networks that no app can make us send anything to before something came from there: the bank's own."""
    max_calls: Annotated[int, Field(ge=1, le=200)] = 100
    """At once, in all; each takes a place of `limits.max_calls` as well."""
    max_calls_per_client: Annotated[int, Field(ge=1, le=200)] = 100
    """At once, of the tickets of one bank client."""
    per_customer_minute: Annotated[int, Field(ge=1, le=60)] = 5
    """Calls that one customer may begin in a minute; at once they may have one."""
    per_address_minute: Annotated[int, Field(ge=1, le=10_000)] = 30
    """Offers from one address in a minute (IPv6: one /64 network), whatever becomes of them."""
    per_minute: Annotated[int, Field(ge=1, le=100_000)] = 600
    """Offers in a minute, in all."""
    answer_s: Annotated[float, Field(gt=0, le=30)] = 8.0
    """How long the calls' process may take to answer an offer."""
    connect_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """A call of which no sound has come for so long after its answer is ended: the app has vanished, or cannot reach us."""
    silent_s: Annotated[float, Field(ge=3, le=120)] = 15.0
    """A call of which nothing at all comes any more for so long is ended. A muted app sends packets all the same."""
