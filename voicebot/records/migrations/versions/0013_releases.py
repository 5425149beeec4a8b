"""Releases: contents, proposals with approvals and checks, the pointer, and what each process goes by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the tables."""
    at = sa.DateTime(timezone=True)
    op.create_table(
        "release_blobs",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "releases",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("files", sa.JSON, nullable=False),
        sa.Column("at", at, nullable=False),
    )
    op.create_table(
        "proposals",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("contents", sa.String(64), nullable=False),
        sa.Column("base", sa.String(64), nullable=False),
        sa.Column("authors", sa.JSON, nullable=False),
        sa.Column("by", sa.String(120), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("at", at, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("closed_by", sa.String(120), nullable=False),
        sa.Column("closed_why", sa.Text, nullable=False),
        sa.Column("checked", sa.String(16), nullable=False),
        sa.Column("final", sa.String(64)),
    )
    op.create_table(
        "approvals",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("proposal", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("at", at, nullable=False),
        sa.UniqueConstraint("proposal", "kind", name="approvals_once"),
    )
    op.create_table(
        "release_checks",
        sa.Column("proposal", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(24), primary_key=True),
        sa.Column("ok", sa.Boolean),
        sa.Column("told", sa.JSON, nullable=False),
        sa.Column("at", at, nullable=False),
    )
    op.create_table(
        "release_pointer",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("arms", sa.JSON, nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at", at, nullable=False),
    )
    op.create_table(
        "release_processes",
        sa.Column("name", sa.String(120), primary_key=True),
        sa.Column("at", at, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("live", sa.String(64), nullable=False),
        sa.Column("loaded", sa.JSON, nullable=False),
        sa.Column("trouble", sa.Text, nullable=False),
    )
    op.create_index("release_processes_by_time", "release_processes", ["at"])
