"""The tables of releases. Rows are added and, but for the state of a proposal and of a process, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from voicebot.records.models import Base, UtcTime


class BlobRow(Base):
    """A file's content, by its SHA-256: a file that many releases share is kept once."""

    __tablename__ = "release_blobs"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ReleaseRow(Base):
    """What a release consists of."""

    __tablename__ = "releases"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    files: Mapped[list[Any]] = mapped_column(JSON)
    """[path, octets, SHA-256] of each."""
    at: Mapped[datetime] = mapped_column(UtcTime)


class ProposalRow(Base):
    """A change that somebody wants live."""

    __tablename__ = "proposals"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    contents: Mapped[str] = mapped_column(String(64))
    """The release as proposed: without the names of author and approver, and without models."""
    base: Mapped[str] = mapped_column(String(64))
    """The release that it changes."""
    authors: Mapped[list[Any]] = mapped_column(JSON)
    by: Mapped[str] = mapped_column(String(120))
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)
    state: Mapped[str] = mapped_column(String(16))
    closed_by: Mapped[str] = mapped_column(String(120))
    closed_why: Mapped[str] = mapped_column(Text)
    checked: Mapped[str] = mapped_column(String(16))
    """How far its checks are; a word of `Checked`."""
    checks_run: Mapped[str] = mapped_column(String(32), server_default="")
    """Which run of the checks they are."""
    checks_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """Until when that run may be silent; later it counts as gone."""
    final: Mapped[str | None] = mapped_column(String(64))
    """The release that it becomes: stamped, with models."""


class ApprovalRow(Base):
    """One person's word for one kind of change in a proposal."""

    __tablename__ = "approvals"
    __table_args__ = (UniqueConstraint("proposal", "kind", name="approvals_once"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    proposal: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    who: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime] = mapped_column(UtcTime)


class CheckRow(Base):
    """What one check of a proposal found."""

    __tablename__ = "release_checks"

    proposal: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(24), primary_key=True)
    ok: Mapped[bool | None]
    """None: it does not decide, people look at it."""
    told: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UtcTime)


class PointerRow(Base):
    """What calls go by: the newest row wins."""

    __tablename__ = "release_pointer"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    stage: Mapped[str] = mapped_column(String(16))
    arms: Mapped[list[Any]] = mapped_column(JSON)
    """[release, share of the callers] of each; a release "" is the configuration's own bundle."""
    who: Mapped[str] = mapped_column(String(120))
    why: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)


class ShadowOrderRow(Base):
    """Which release decides in the shadow: the newest row wins."""

    __tablename__ = "release_shadows"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    release: Mapped[str] = mapped_column(String(64))
    """"" when none does any more."""
    proposal: Mapped[int]
    until: Mapped[datetime] = mapped_column(UtcTime)
    who: Mapped[str] = mapped_column(String(120))
    why: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)


class ProcessRow(Base):
    """What a process says of itself every few seconds."""

    __tablename__ = "release_processes"
    __table_args__ = (Index("release_processes_by_time", "at"),)

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    seq: Mapped[int]
    """The pointer that it goes by."""
    live: Mapped[str] = mapped_column(String(64))
    loaded: Mapped[list[Any]] = mapped_column(JSON)
    trouble: Mapped[str] = mapped_column(Text)
    shadow: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """How far it is with the release in the shadow; see `voicebot.releases.store.Shadowed`."""
