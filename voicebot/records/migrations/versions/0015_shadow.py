"""What a release in the shadow would have decided, and the orders about shadows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the tables; processes tell how far they are with a shadow."""
    at = sa.DateTime(timezone=True)
    op.create_table(
        "shadow",
        sa.Column("call_id", sa.String(64), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("release", sa.String(64), primary_key=True),
        sa.Column("intent", sa.String(80), nullable=False),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("at", at, nullable=False),
    )
    op.create_index("shadow_by_time", "shadow", ["at"])
    op.create_index("shadow_by_release", "shadow", ["release"])
    op.create_table(
        "release_shadows",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("release", sa.String(64), nullable=False),
        sa.Column("proposal", sa.Integer, nullable=False),
        sa.Column("until", at, nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at", at, nullable=False),
    )
    op.add_column("release_processes", sa.Column("shadow", sa.JSON, nullable=True))
