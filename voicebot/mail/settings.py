"""What an operator sets about mails: the section `mail` of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

Flag = Annotated[str, StringConstraints(pattern=r"^(\\Seen|[$A-Za-z][A-Za-z0-9_.-]{0,63})$")]
"""A keyword of RFC 9051, or \\Seen."""


class ImapSettings(BaseModel):
    """The mailbox that `voicebot mail` reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 993
    tls: bool = True
    """From the first octet (RFC 8314); False: none, only for a server on this machine."""
    ca_file: Path | None = None
    """Authorities beside those of the machine."""
    user: Annotated[str, Field(min_length=1)]
    password: SecretStr
    folder: Annotated[str, Field(min_length=1)] = "INBOX"
    done_folder: str | None = None
    """Mails that were handed on are moved there; None: they stay, and `done_flag` marks them."""
    done_flag: Flag = "$Steered"
    """\\Seen where the server takes no keywords: then nobody else may read the folder."""
    look_every_s: Annotated[float, Field(ge=0.05, le=3600)] = 20.0
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    max_octets: Annotated[int, Field(ge=10_000, le=50_000_000)] = 2_000_000
    """Of a longer mail only so much is fetched: the text stands before attachments."""

    @model_validator(mode="after")
    def _password_is_not_sent_in_clear(self) -> ImapSettings:
        if not self.tls and self.host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("tls: false sends the password in clear; it is for a server on this machine only")
        return self


class MailSettings(BaseModel):
    """Mails and other written messages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = False
    """True: the web process takes `POST /api/messages`."""
    keep_days: Annotated[int, Field(ge=1, le=3660)] | None = 90
    """What was made of older ones is deleted; None keeps it."""
    imap: ImapSettings | None = None
    """None: there is no mailbox to read; the bank's system posts messages."""
