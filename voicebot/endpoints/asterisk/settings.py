"""What an operator sets about Asterisk: the section `asterisk` of the configuration."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from caller_id.rules import CallerIdRules
from voicebot.ami.settings import AmiSettings
from voicebot.http.settings import Tls

Port = Annotated[int, Field(ge=0, le=65535)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Token = Annotated[SecretStr, Field(min_length=16)]
AriUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$")]


_WORKER_STEP = 10


def port_of_worker(port: int | None, number: int) -> int | None:
    """A port of the process with this number; None and 0 (any) stay."""
    return port + _WORKER_STEP * number if port else port


class MediaWay(StrEnum):
    """How sound travels between Asterisk and us."""

    WEBSOCKET = "websocket"
    """`chan_websocket` (22.8 and newer): 16 kHz, barge-in takes back what is queued, marks."""
    AUDIOSOCKET = "audiosocket"


class AriSettings(BaseModel):
    """Way 1: Asterisk hands us its calls by ARI."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: AriUrl = "http://127.0.0.1:8088/ari"
    """Of the REST interface, with `prefix` of http.conf. https where it leaves the machine."""
    user: Name = "voicebot"
    """As in ari.conf."""
    password: Token
    app: Name = "voicebot"
    """The Stasis application. Every bot has its own: Asterisk sends each application's calls to its newest connection."""
    media: MediaWay = MediaWay.WEBSOCKET
    connection: Name = "voicebot"
    """The connection in websocket_client.conf that leads to us."""
    audiosocket_address: Annotated[str, StringConstraints(pattern=r"^[^\s:]+:\d{1,5}$")] | None = None
    """Where Asterisk finds our AudioSocket port; None: where we listen."""
    context: Name = "steer-queues"
    """The context whose extensions are the queues."""
    request_s: Annotated[float, Field(gt=0, le=30)] = 3.0
    """How long Asterisk may take to answer one request."""


class MediaSettings(BaseModel):
    """Where Asterisk brings the sound, for both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    websocket_port: Port | None = 8092
    """For `chan_websocket`; None: not opened."""
    audiosocket_port: Port | None = None
    """For AudioSocket, which knows no password: an open network must not reach it. None: not opened."""
    user: Name = "voicebot"
    """As in websocket_client.conf."""
    password: Token | None = None
    """As in websocket_client.conf. None: whoever names a call that is expected (122 random bits) is let in."""
    tls: Tls | None = None
    """wss for `chan_websocket`; None: ws, for this machine or a proxy that ends the TLS."""
    max_connections: Annotated[int, Field(ge=1, le=10_000)] = 400


class DialplanSettings(BaseModel):
    """Way 2: the dialplan tells us of its calls by HTTP and asks for the result; it gives us no rights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Port = 8093
    token: Token
    """What the dialplan sends as its token."""
    fetch_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    """How long after its sound ended a call's result may be fetched."""
    expect_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """How long after its registration a call's sound may come."""


class AsteriskSettings(BaseModel):
    """Calls by Asterisk. Without `ari` and `dialplan` nothing is opened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ari: AriSettings | None = None
    dialplan: DialplanSettings | None = None
    ami: AmiSettings | None = None
    """Waiting times of the queues, for whichever way the calls come; None: nobody is asked."""
    media: MediaSettings = MediaSettings()
    caller_id: CallerIdRules = CallerIdRules()
    """How the identity headers that Asterisk passes on are read."""
    connect_s: Annotated[float, Field(gt=0, le=60)] = 8.0
    """The sound of a call must be up so long after its answer; else the caller goes to the default queue."""
    silent_s: Annotated[float, Field(ge=3, le=3600)] = 60.0
    """A call of which no sound at all has come for so long is dead."""

    @model_validator(mode="after")
    def _sound_has_a_way(self) -> Self:
        media, ari = self.media, self.ari
        if ari is not None and ari.media is MediaWay.WEBSOCKET and media.websocket_port is None:
            raise ValueError("ari.media is websocket, and media.websocket_port opens none: give a port")
        if ari is not None and ari.media is MediaWay.AUDIOSOCKET and media.audiosocket_port is None:
            raise ValueError("ari.media is audiosocket, and media.audiosocket_port opens none: give a port, such as 9092")
        if self.dialplan is not None and media.websocket_port is None and media.audiosocket_port is None:
            raise ValueError("dialplan needs media.websocket_port or media.audiosocket_port, or no sound can come")
        return self

    def of_worker(self, number: int) -> Self:
        """Those of the process with this number, from 0: ports ten apart, an application and a connection (voicebot-2) of its
        own. Waiting times are asked for by the first alone.
        """
        if not number:
            return self
        media = self.media.model_copy(
            update={name: port_of_worker(getattr(self.media, name), number) for name in ("websocket_port", "audiosocket_port")}
        )
        update: dict[str, object] = {"media": media, "ami": None}
        if self.ari is not None:
            names = {"app": f"{self.ari.app}-{number + 1}", "connection": f"{self.ari.connection}-{number + 1}"}
            update["ari"] = self.ari.model_copy(update=names)
        if self.dialplan is not None:
            update["dialplan"] = self.dialplan.model_copy(update={"port": port_of_worker(self.dialplan.port, number)})
        return self.model_copy(update=update)

    @property
    def used(self) -> bool:
        """Whether any call can come by Asterisk."""
        return self.ari is not None or self.dialplan is not None
