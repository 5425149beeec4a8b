"""What became of hand-offs: events of the contact centre and agents' verdicts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables; hand-offs are found by their reference."""
    op.create_table(
        "handoff_events",
        sa.Column("ref", sa.String(64), primary_key=True),
        sa.Column("what", sa.String(16), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("queue", sa.String(80)),
        sa.Column("to_queue", sa.String(80)),
        sa.Column("how", sa.String(16)),
        sa.Column("talk_s", sa.Float),
        sa.Column("wrap_up", sa.String(80)),
        sa.Column("agent", sa.String(64)),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("handoff_events_by_arrival", "handoff_events", ["received_at"])
    op.create_table(
        "handoff_verdicts",
        sa.Column("ref", sa.String(64), primary_key=True),
        sa.Column("agent", sa.String(64), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("right", sa.Boolean, nullable=False),
        sa.Column("intent", sa.String(80)),
    )
    op.create_index("calls_by_handoff", "calls", ["handoff_ref"])
