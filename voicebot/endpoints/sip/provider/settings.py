"""What an operator sets about a provider: how we register there, how its calls prove themselves, how often we ask for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from voicebot.endpoints.sip.provider.digest import ALGORITHMS, Algorithm

# a host, a host with its port, or an IPv6 address in brackets
SipHost = Annotated[
    str, StringConstraints(pattern=r"^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?)(:\d{1,5})?$")
]
Text = Annotated[str, StringConstraints(pattern=r'^[^\s"\\<>;,]{1,128}$')]
Realm = Annotated[str, StringConstraints(pattern=r'^[^"\\\r\n]{1,128}$')]
ProviderTransport = Literal["udp", "tcp", "tls"]
_HOST = re.compile(r"^(?:\[(?P<v6>.+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d+))?$")


def host_and_port(text: str) -> tuple[str, int]:
    """Of a `SipHost`; port 0 where it has none."""
    found = _HOST.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no host; write it like sip.provider.example or 192.0.2.1:5060")
    return found["v6"] or found["host"], int(found["port"] or 0)


class _Secret(BaseModel):
    """A password that stands in the settings, in the environment, or in a file of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: Text
    """The name that the password belongs to."""
    password: SecretStr | None = None
    """Never shown. Better from the environment, or from `password_file`."""
    password_file: Path | None = None
    """A file with the password in its first line; read again at a reload."""
    realm: Realm | None = None
    """Of whom the name and password are; None: whatever realm is asked for."""

    @model_validator(mode="after")
    def _one_password(self) -> _Secret:
        if (self.password is None) == (self.password_file is None):
            raise ValueError("password: needs one of password and password_file; write password_file: /etc/voicebot/trunk.secret")
        return self

    def secret(self) -> str:
        """The password. Raises OSError when its file cannot be read."""
        if self.password is not None:
            return self.password.get_secret_value()
        return (self.password_file or Path()).read_text(encoding="utf-8").partition("\n")[0].strip()


class RegisterSettings(_Secret):
    """A registration at a provider's registrar (RFC 3261, 10.2; digest RFC 8760)."""

    registrar: SipHost
    """Host, or host:port; a name without a port is looked up as SRV first (RFC 3263)."""
    aor_user: Text | None = None
    """The user of the address that is registered; None: `user`."""
    domain: SipHost | None = None
    """The host of that address; None: `registrar`."""
    transport: ProviderTransport = "udp"
    """How the REGISTER travels, and how the provider is to reach us."""
    expires_s: Annotated[int, Field(ge=30, le=86_400)] = 600
    """For how long we ask; the registrar may give less, or want more (423)."""


class DigestSettings(_Secret):
    """What an INVITE of this trunk must prove (RFC 3261, 22; RFC 8760): for far ends without an address of their own."""

    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ALGORITHMS
    """Those we challenge with, the best first."""
    nonce_s: Annotated[int, Field(ge=5, le=3600)] = 60
    """For how long a challenge may be answered; then a new one is sent (stale)."""

    @property
    def asked_realm(self) -> str:
        """The realm of our challenges."""
        return self.realm or "voicebot"
