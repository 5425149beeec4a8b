"""The tables of users and their sessions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from voicebot.records.models import Base, UtcTime


class UserRow(Base):
    """One person. Rows stay when a person leaves: what they did is theirs."""

    __tablename__ = "users"

    user_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    """What they log in with, folded to lower case."""
    shown: Mapped[str] = mapped_column(String(120))
    """What others see."""
    roles: Mapped[list[str]] = mapped_column(JSON)
    queues: Mapped[list[str]] = mapped_column(JSON)
    """Of an agent: the queues they answer; empty: all."""
    password: Mapped[str | None] = mapped_column(Text)
    """Its argon2 hash; None: none."""
    subject: Mapped[str | None] = mapped_column(String(200), unique=True)
    """`iss sub` of the bank's log-in (OIDC); None: they log in here."""
    active: Mapped[bool]
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    made_by: Mapped[str] = mapped_column(String(80))
    failures: Mapped[int]
    """Wrong passwords since the last right one."""
    locked_until: Mapped[datetime | None] = mapped_column(UtcTime)


class PasskeyRow(Base):
    """A passkey (WebAuthn credential) of a user."""

    __tablename__ = "passkeys"

    credential_id: Mapped[str] = mapped_column(String(400), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    public_key: Mapped[str] = mapped_column(Text)
    """Base64 of its COSE key."""
    sign_count: Mapped[int]
    label: Mapped[str] = mapped_column(String(80))
    made_at: Mapped[datetime] = mapped_column(UtcTime)


class SessionRow(Base):
    """One log-in. The cookie itself is not stored."""

    __tablename__ = "sessions"
    __table_args__ = (Index("sessions_by_user", "user_id"),)

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the cookie's value."""
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    form_token: Mapped[str] = mapped_column(String(64))
    """What a form must bring."""
    began: Mapped[datetime] = mapped_column(UtcTime)
    seen: Mapped[datetime] = mapped_column(UtcTime)
    how: Mapped[str] = mapped_column(String(20))
    """password, passkey or oidc."""


class TokenRow(Base):
    """A token of the API. The token itself is not stored."""

    __tablename__ = "api_tokens"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the token."""
    scopes: Mapped[list[str]] = mapped_column(JSON)
    made_by: Mapped[str] = mapped_column(String(80))
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    last_used: Mapped[datetime | None] = mapped_column(UtcTime)
    """To within some seconds."""
    until: Mapped[datetime | None] = mapped_column(UtcTime)
    """It opens nothing from then on; None: until it is revoked."""
