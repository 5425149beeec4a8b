"""The history of switches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "switches",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("queue", sa.String(80), nullable=False),
        sa.Column("is_on", sa.Boolean, nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("prompt", sa.String(80), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
    )
    op.create_index("switches_by_name", "switches", ["kind", "queue", "seq"])
