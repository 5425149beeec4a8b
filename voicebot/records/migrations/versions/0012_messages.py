"""Messages in writing, and what was made of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the table; a person is found by keyed hashes."""
    op.create_table(
        "messages",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("ref", sa.String(64), nullable=False, unique=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("intent", sa.String(80)),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("others", sa.JSON, nullable=False),
        sa.Column("queue", sa.String(80), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("segment", sa.String(40), nullable=False),
        sa.Column("urgency", sa.String(16), nullable=False),
        sa.Column("missing", sa.JSON, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("attachments", sa.JSON, nullable=False),
        sa.Column("acknowledgement", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("number_hash", sa.String(64)),
        sa.Column("sender_hash", sa.String(64)),
        sa.Column("handed", sa.Boolean, nullable=False),
    )
    op.create_index("messages_by_arrival", "messages", ["received_at"])
    op.create_index("messages_by_number", "messages", ["number_hash"])
    op.create_index("messages_by_sender", "messages", ["sender_hash"])
    op.create_index("messages_to_hand_over", "messages", ["handed", "received_at"])
