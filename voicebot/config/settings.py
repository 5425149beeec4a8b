"""Configuration: one YAML file, and environment variables over it (VOICEBOT_SIP__PORT=5062 is sip.port).

`load_settings` reads both. `voicebot.config.check` explains every mistake by file and line. What a bank edits day by day (texts,
routes, hours, intents) is not here but in its bundle.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from voicebot.endpoints.sip.codecs import Codec
from voicebot.endpoints.sip.settings import MediaEncryption, SipSettings, Transport

CONFIG_VARIABLE = "VOICEBOT_CONFIG"
ENV_PREFIX = "VOICEBOT_"
ENV_DELIMITER = "__"

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
# the SIP stack writes the address into Refer-To without angle brackets: parameters or headers would be misread
SipUri = Annotated[str, StringConstraints(pattern=r"^sips?:[^\s<>?;]+@[^\s<>?;]+$")]
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:\d{1,5})?$")]
QueueUri = Annotated[str, StringConstraints(pattern=r"^sips?:[^\s<>?;]*\{queue\}[^\s<>?;]*$")]


class Section(BaseModel):
    """A part of the file: unknown names are mistakes, and nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sip(Section):
    """The SIP endpoint; see `voicebot.endpoints.sip.settings.SipSettings` for what each means."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65534)] = 5060
    transports: tuple[Transport, ...] = ("udp", "tcp")
    tls_certificate: Path | None = None
    tls_client_ca: Path | None = None
    peers: tuple[str, ...] = ()
    trusted: tuple[str, ...] | None = None
    rtp_ports: tuple[Port, Port] = (10000, 20000)
    codecs: tuple[Codec, ...] = ("opus", "g722", "pcma", "pcmu")
    media_encryption: MediaEncryption = "none"
    rtp_timeout_s: Annotated[int, Field(ge=1, le=3600)] = 30
    net_interface: str | None = None
    extra_headers: tuple[str, ...] = ()
    transfer_settle_s: Seconds = 1.0
    user: str = "voicebot"


class Limits(Section):
    """Bounds. `max_shared_calls` counts over all processes with the same state server. Times in seconds."""

    max_calls: Annotated[int, Field(ge=1, le=1000)] = 60
    max_shared_calls: Annotated[int, Field(ge=1)] | None = None
    max_call_s: Seconds = 600.0
    max_say_s: Seconds = 90.0
    understand_s: Annotated[float, Field(ge=0.2, le=10)] = 2.0
    drain_s: Seconds = 30.0


class Recogniser(Section):
    """A language's recogniser. `model` is a folder: a Vosk model, or a faster-whisper one (none: the embedded Whisper base)."""

    engine: Literal["whisper", "vosk", "none"] = "whisper"
    model: Path | None = None
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    waiting: Annotated[int, Field(ge=0, le=1000)] = 8
    deadline_s: Seconds = 6.0
    partial_every_s: Annotated[float, Field(ge=0, le=60)] = 1.2

    @model_validator(mode="after")
    def _vosk_needs_a_model(self) -> Recogniser:
        if self.engine == "vosk" and self.model is None:
            raise ValueError("engine vosk needs a model; give the folder of an unpacked one as model")
        return self


class Voices(Section):
    """A language's voices for prompts without a recording: a piper model if there is one (none: the embedded one, English only),
    then espeak-ng. `espeak_voice` none: the language's own.
    """

    piper_model: Path | None = None
    espeak_voice: str | None = None
    words_per_minute: Annotated[int, Field(ge=80, le=400)] = 150


class Nlu(Section):
    """Understanding. `pack` is the folder of training data (none: the default pack), `cache_dir` keeps trained models.

    With backend rasa, `rasa_url` is a Rasa server for all languages, and `rasa_urls` names one for a language of its own; the
    in-process model answers for languages without one, and for a server that needs longer than `rasa_timeout_s`.
    """

    backend: Literal["local", "rasa"] = "local"
    pack: Path | None = None
    cache_dir: Path | None = None
    semantic: bool | None = None
    rasa_url: HttpUrl | None = None
    rasa_urls: Mapping[Language, HttpUrl] = {}
    rasa_token: SecretStr | None = None
    rasa_timeout_s: Annotated[float, Field(gt=0, le=5)] = 0.15

    @model_validator(mode="after")
    def _rasa_needs_a_url(self) -> Nlu:
        if self.backend == "rasa" and self.rasa_url is None and not self.rasa_urls:
            raise ValueError("backend rasa needs rasa_url; write it like http://127.0.0.1:5005")
        return self

    def rasa_url_for(self, language: str) -> str | None:
        """Where the Rasa server of a language is, if there is one."""
        url = self.rasa_urls.get(language, self.rasa_url)
        return str(url) if url is not None else None


class State(Section):
    """Shared state: a Redis or Valkey of yours by `redis_url`, else an embedded one. `data_dir` is for all we keep on disk."""

    redis_url: Annotated[str, StringConstraints(pattern=r"^(redis|rediss|unix)://\S+$")] | None = None
    data_dir: Path = Path("var")


class Records(Section):
    """Call records. `database_url` as SQLAlchemy writes it (none: SQLite in data_dir); `folder` gets a JSON file per call."""

    database_url: SecretStr | None = None
    folder: Path | None = None
    keep_numbers: bool = False
    keep_days: Annotated[int, Field(ge=1, le=3660)] | None = 90


class Recording(Section):
    """Audio recordings, off unless the line says otherwise: `lines` maps a line's name in the bundle to true or false."""

    enabled: bool = False
    lines: Mapping[str, bool] = {}
    folder: Path | None = None

    def records(self, line: str) -> bool:
        """Whether calls on this line are recorded."""
        return self.lines.get(line, self.enabled)


class Chat(Section):
    """The customers' text channel at /chat. `origins` are the bank's other sites that may embed it, as browsers write them.

    It has slots of its own (`max_chats`, in this process), so that neither chats nor calls take each other's. Times in seconds;
    see `voicebot.chat.settings.ChatSettings` for what each means.
    """

    enabled: bool = True
    origins: tuple[Origin, ...] = ()
    max_chats: Annotated[int, Field(ge=1, le=10_000)] = 200
    max_message_chars: Annotated[int, Field(ge=50, le=4000)] = 500
    max_messages_per_minute: Annotated[int, Field(ge=5, le=600)] = 30
    idle_s: Seconds = 600.0
    idle_warning_s: Seconds = 120.0
    max_chat_s: Seconds = 3600.0

    @model_validator(mode="after")
    def _warned_before_the_end(self) -> Chat:
        if self.idle_warning_s >= self.idle_s:
            raise ValueError("idle_warning_s is not before idle_s; make it smaller, so that a quiet customer is warned in time")
        return self


class Web(Section):
    """The web API. Without a `token` one is made and kept in `web-token` in data_dir, readable by the service only."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 8080
    token: Annotated[SecretStr, Field(min_length=16)] | None = None
    chat: Chat = Chat()


class Webhook(Section):
    """Where hand-offs are announced. The `secret` signs every message (HMAC-SHA256)."""

    url: HttpUrl
    secret: Annotated[SecretStr, Field(min_length=16)]


class HandOffs(Section):
    """Transfers: the address of a queue, with {queue} for its target in the bundle; queues that differ by name in `addresses`."""

    address: QueueUri = "sip:{queue}@127.0.0.1:5070"
    addresses: Mapping[str, SipUri] = {}
    transfer_timeout_s: Seconds = 10.0
    keep_hours: Annotated[float, Field(gt=0, le=720)] = 8.0
    webhook: Webhook | None = None

    def uri_for(self, queue: str, target: str | None = None) -> str:
        """The SIP URI of a queue; `target` is what the bundle calls it on the wire, if not by its name."""
        return self.addresses.get(queue) or self.address.replace("{queue}", target or queue)


class Customers(Section):
    """The customer directory: a CSV imported at start, or a SQLite file filled by `voicebot customers import`."""

    csv: Path | None = None
    sqlite: Path | None = None
    attestation: bool = False


class Log(Section):
    """Logs."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


_RECOGNISERS = {"pl": Recogniser(), "en": Recogniser()}
_VOICES = {"pl": Voices(), "en": Voices(espeak_voice="en-gb")}


class Settings(BaseSettings):
    """Everything an operator sets."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    bundle: Path | None = None
    sip: Sip = Sip()
    limits: Limits = Limits()
    recognisers: Mapping[Language, Recogniser] = _RECOGNISERS
    voices: Mapping[Language, Voices] = _VOICES
    nlu: Nlu = Nlu()
    state: State = State()
    records: Records = Records()
    recording: Recording = Recording()
    web: Web = Web()
    handoff: HandOffs = HandOffs()
    customers: Customers = Customers()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: `voicebot.config.source` lays the environment over the file."""
        return (init_settings,)

    @field_validator("recognisers", mode="after")
    @classmethod
    def _other_recognisers(cls, given: Mapping[str, Recogniser]) -> Mapping[str, Recogniser]:
        return {**_RECOGNISERS, **given}

    @field_validator("voices", mode="after")
    @classmethod
    def _other_voices(cls, given: Mapping[str, Voices]) -> Mapping[str, Voices]:
        return {**_VOICES, **given}

    @model_validator(mode="after")
    def _sip_fits(self) -> Settings:
        self.sip_settings()
        return self

    def sip_settings(self) -> SipSettings:
        """The endpoint's settings, with the limit of calls. Raises ValueError with the mend when they do not fit together."""
        last_resort_s = self.limits.max_call_s + 60  # the driver ends a call before the stack does
        return SipSettings(**self.sip.model_dump(), max_calls=self.limits.max_calls, max_call_s=last_resort_s)

    @cached_property
    def database_url(self) -> str:
        """Where call records go."""
        configured = self.records.database_url
        return configured.get_secret_value() if configured else f"sqlite:///{self.state.data_dir / 'calls.db'}"

    @property
    def recordings_dir(self) -> Path:
        """Where recordings go."""
        return self.recording.folder or self.state.data_dir / "recordings"


def config_path(path: Path | None) -> Path | None:
    """The file to read: the one given, else the one VOICEBOT_CONFIG names, else none."""
    named = os.environ.get(CONFIG_VARIABLE)
    return path or (Path(named) if named else None)


def load_settings(path: Path | None = None) -> Settings:
    """The settings from the file (`path`, else VOICEBOT_CONFIG, else defaults) and the environment.

    Raises ConfigError with every mistake, its file, line and mend.
    """
    from voicebot.config.check import checked_settings  # it knows this module's sections

    return checked_settings(path)
