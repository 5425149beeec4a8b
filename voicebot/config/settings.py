"""Configuration: one YAML file, and environment variables over it (VOICEBOT_SIP__PORT=5062 is sip.port).

`voicebot.config.loading` reads both, `voicebot.config.check` explains every mistake by file and line. Sections of a part of the
service are defined beside that part. What a bank edits day by day (texts, routes, hours, intents) is in its bundle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Secret,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from audio.recognisers.settings import LONGEST_DECODE_S, RecogniserSettings
from voicebot.cases.settings import CasesSettings
from voicebot.chat.settings import ChatSettings
from voicebot.config.callers import Callers, Customers
from voicebot.config.console import ConsoleSettings
from voicebot.config.identity import IdentitySettings
from voicebot.conversation.limits import Limits
from voicebot.endpoints.asterisk.settings import AsteriskSettings
from voicebot.endpoints.bridge import Way
from voicebot.endpoints.carriers.settings import CarriersSettings
from voicebot.endpoints.sip.settings import SipSection, SipSettings
from voicebot.handoff.settings import HandOffSettings
from voicebot.hosts import uri_host
from voicebot.http.settings import HttpLimits, Tls
from voicebot.mail.settings import MailSettings
from voicebot.understanding.settings import NluSettings

ENV_PREFIX = "VOICEBOT_"
ENV_DELIMITER = "__"

Port = Annotated[int, Field(ge=0, le=65535)]


def _redis_can_read(url: str) -> str:
    """The client's own message would quote a part of the password."""
    from voicebot.state.address import check_address

    try:
        check_address(url)
    except ValueError:
        raise ValueError(f"redis_url: is not in the right form; {REDIS_FORM}") from None
    return url


def _heard_in_time(given: RecogniserSettings) -> RecogniserSettings:
    if given.deadline_s > LONGEST_DECODE_S:
        raise ValueError(f"deadline_s: {given.deadline_s:g} s is longer than a caller waits; write {LONGEST_DECODE_S:g} or less")
    return given


REDIS_FORM = (
    "write it like redis://host:6379/0, rediss://…, unix:///path or, with sentinels, "
    "redis+sentinel://host:26379,other:26379/service/0 (a Redis Cluster cannot be used), and / # ? @ in a password as "
    "%2F %23 %3F %40"
)
RedisUrl = Annotated[
    str, StringConstraints(pattern=r"^((redis|rediss)(\+sentinel)?|unix)://\S+$"), AfterValidator(_redis_can_read)
]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Network = Annotated[str, AfterValidator(lambda text: str(ip_network(text, strict=False)))]


class Section(BaseModel):
    """A part of the file: unknown names are mistakes, and nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Voices(Section):
    """A language's voices for prompts without a recording: piper if there is a model, then espeak-ng."""

    piper_model: Path | None = None
    """None: the embedded model (English only)."""
    espeak_voice: str | None = None
    """None: the language's own."""
    words_per_minute: Annotated[int, Field(ge=80, le=400)] = 150


class State(Section):
    """Shared state, and what is kept on disk."""

    redis_url: Secret[RedisUrl] | None = None
    """A Redis or Valkey of yours; None: an embedded one. It may hold a password, so it is never shown."""
    data_dir: Path = Path("var")
    """For everything that is kept on disk."""
    secret: Annotated[SecretStr, Field(min_length=32)] | None = None
    """What callers' numbers are hashed with, the same for all processes; None: one is made, and shared by the state server."""


class Records(Section):
    """Call records."""

    database_url: SecretStr | None = None
    """As SQLAlchemy writes it; None: SQLite in data_dir."""
    folder: Path | None = None
    """Gets a JSON file per call."""
    keep_numbers: bool = False
    """Store whole telephone numbers; else the country and the last three digits."""
    keep_days: Annotated[int, Field(ge=1, le=3660)] | None = 90
    """Calls older than this are deleted with their files and recordings; None keeps them."""
    keep_number_hash_days: Annotated[int, Field(ge=0, le=3660)] | None = None
    """For how long a person's calls can be found by their number; None: as long as the calls are kept, 0: never."""


class Recording(Section):
    """Audio recordings."""

    enabled: bool = False
    """For lines that are not named."""
    lines: Mapping[str, bool] = {}
    """By the line's name in the bundle."""
    bridged: bool = False
    """Whether what caller and agent say is recorded as well, where their call is bridged here."""
    folder: Path | None = None
    """None: recordings in data_dir."""

    def records(self, line: str) -> bool:
        """Whether calls on this line are recorded."""
        return self.lines.get(line, self.enabled)


class Health(Section):
    """The calls' local socket: GET /health/live, /health/ready and /metrics. Nothing else of HTTP reaches their process."""

    host: str = "127.0.0.1"
    port: Port = 8081

    @property
    def url(self) -> str:
        """Where the calls' process answers."""
        return f"http://{uri_host(self.host)}:{self.port}"


class Web(Section):
    """The web API and the chat: a process of its own beside the calls."""

    enabled: bool = True
    """False: `voicebot serve` starts none; `voicebot web` still runs one."""
    host: str = "127.0.0.1"
    port: Port = 8080
    tls: Tls | None = None
    """None: HTTP, for a proxy on this machine."""
    proxies: tuple[Network, ...] = ()
    """Networks of reverse proxies: their X-Forwarded-For and X-Forwarded-Proto are believed."""
    limits: HttpLimits = HttpLimits()
    token: Annotated[SecretStr, Field(min_length=16)] | None = None
    """None: one is made and kept in `web-token` in data_dir, readable by the service only."""
    chat: ChatSettings = ChatSettings()


class Log(Section):
    """Logs."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


def _plain(value: object) -> object:
    """For JSON. Paths, URLs and networks are what they read as."""
    if isinstance(value, SecretStr | Secret):
        return value.get_secret_value()
    return dict(value) if isinstance(value, Mapping) else str(value)


_RECOGNISERS = {"pl": RecogniserSettings(), "en": RecogniserSettings()}
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
    sip: SipSection = SipSection()
    asterisk: AsteriskSettings = AsteriskSettings()
    carriers: CarriersSettings = CarriersSettings()
    limits: Limits = Limits()
    recognisers: Mapping[Language, Annotated[RecogniserSettings, AfterValidator(_heard_in_time)]] = _RECOGNISERS
    voices: Mapping[Language, Voices] = _VOICES
    nlu: NluSettings = NluSettings()
    state: State = State()
    records: Records = Records()
    recording: Recording = Recording()
    health: Health = Health()
    web: Web = Web()
    console: ConsoleSettings = ConsoleSettings()
    handoff: HandOffSettings = HandOffSettings()
    cases: CasesSettings = CasesSettings()
    mail: MailSettings = MailSettings()
    customers: Customers = Customers()
    callers: Callers = Callers()
    identity: IdentitySettings = IdentitySettings()
    log: Log = Log()
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes of calls that `voicebot serve` runs, each with a SIP port (sip.port, two above, …) and limits of its own."""

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
    def _other_recognisers(cls, given: Mapping[str, RecogniserSettings]) -> Mapping[str, RecogniserSettings]:
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
        """The endpoint's settings, with limits and queues. Raises ValueError when they do not fit together."""
        try:
            return SipSettings(
                **self.sip.model_dump(),
                max_calls=self.limits.max_calls,
                max_call_s=self.limits.max_call_s + 60,  # the driver ends a call before the endpoint does
                queue_address=self.handoff.address,
                queue_addresses=self.handoff.addresses,
                verstat=self.customers.attestation,
                legs_per_call=2 if self.bridges else 1,
                own_calls=self.identity.web_calls.enabled,
            )
        except ValidationError as error:
            raise ValueError(str(error.errors()[0].get("ctx", {}).get("error", error))) from None

    @property
    def bridges(self) -> bool:
        """Whether callers may be joined with a queue here: those of the app always are."""
        ways = {self.handoff.way, *(trunk.handoff for trunk in self.sip.trunks.values())}
        return bool(ways & {Way.BRIDGE, Way.AUTO, "bridge"}) or self.identity.web_calls.enabled

    def as_json(self) -> str:
        """Everything, secrets too: for a child process of ours and nobody else. `model_validate_json` reads it."""
        return json.dumps(self.model_dump(mode="python"), default=_plain)

    @cached_property
    def database_url(self) -> str:
        """Where call records go."""
        configured = self.records.database_url
        return configured.get_secret_value() if configured else f"sqlite:///{self.state.data_dir / 'calls.db'}"

    @property
    def spool_dir(self) -> Path:
        """Where call records wait for the database."""
        return self.state.data_dir / "spool"

    @property
    def customers_file(self) -> Path:
        """The customer directory."""
        return self.customers.sqlite or self.state.data_dir / "customers.db"

    @property
    def identity_keys_file(self) -> Path:
        """Our own signing keys."""
        return self.identity.keys_file or self.state.data_dir / "identity-keys.json"

    @property
    def drafts_dir(self) -> Path:
        """Where changes of bundle and training data are prepared."""
        return self.console.drafts or self.state.data_dir / "drafts"

    @property
    def recordings_dir(self) -> Path:
        """Where recordings go."""
        return self.recording.folder or self.state.data_dir / "recordings"
