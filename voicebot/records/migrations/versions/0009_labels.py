"""Labels in a table of their own, with what people had labelled before; the daily random sample."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the tables; move labels out of the utterances, where a second write of a call erased them."""
    op.create_table(
        "labels",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("decided", sa.String(80)),
        sa.Column("decision", sa.String(16)),
        sa.Column("label", sa.String(80), nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queue", sa.String(24), nullable=False),
        sa.Column("stratum", sa.String(24), nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
    )
    op.create_index("labels_by_line", "labels", ["call_id", "position"])
    op.create_index("labels_by_person", "labels", ["who", "seq"])
    op.create_table(
        "sampled_lines",
        sa.Column("call_id", sa.String(64), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("stratum", sa.String(24), nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("twice", sa.Boolean, nullable=False),
    )
    op.create_index("sampled_lines_by_day", "sampled_lines", ["day"])
    op.execute(
        "INSERT INTO labels (call_id, position, text, language, decided, decision, label, who, at, queue, stratum, probability) "
        "SELECT call_id, position, text, language, intent, decision, reviewed_intent, COALESCE(reviewed_by, 'unknown'), "
        "COALESCE(reviewed_at, CURRENT_TIMESTAMP), 'earlier', '', 0 FROM utterances WHERE reviewed_intent IS NOT NULL"
    )
