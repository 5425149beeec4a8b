"""Daily roll-ups for the figures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "call_days",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("line", sa.String(64), primary_key=True),
        sa.Column("language", sa.String(8), primary_key=True),
        sa.Column("segment", sa.String(40), primary_key=True),
        sa.Column("channel", sa.String(8), primary_key=True),
        sa.Column("release", sa.String(64), primary_key=True),
        sa.Column("matter", sa.String(80), primary_key=True),
        sa.Column("counts", sa.JSON, nullable=False),
    )
    op.create_table(
        "rolled_up_days",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("rule", sa.Integer, nullable=False),
    )
