"""The tables as they were before steps were counted. A database of that time is completed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make what is missing: tables, and columns of tables that an earlier version made."""
    tables = sa.MetaData()
    _define(tables)
    known = sa.inspect(op.get_bind())
    there = set(known.get_table_names())
    for table in tables.sorted_tables:
        if table.name not in there:
            table.create(op.get_bind())
            continue
        columns = {column["name"] for column in known.get_columns(table.name)}
        for column in table.columns:
            if column.name not in columns:
                op.add_column(table.name, sa.Column(column.name, column.type))


def _define(tables: sa.MetaData) -> None:
    sa.Table(
        "calls",
        tables,
        sa.Column("call_id", sa.String(64), primary_key=True),
        sa.Column("started", _TIME, nullable=False),
        sa.Column("ended", _TIME, nullable=False),
        sa.Column("outcome", sa.String(40), nullable=False),
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("number", sa.String(20)),
        sa.Column("segment", sa.String(40), nullable=False),
        sa.Column("intent", sa.String(80)),
        sa.Column("confidence", sa.Float),
        sa.Column("decision", sa.String(40)),
        sa.Column("queue", sa.String(80)),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("seconds_to_steer", sa.Float),
        sa.Column("response_ms", sa.JSON, nullable=False),
        sa.Column("bundle_version", sa.String(80), nullable=False),
        sa.Column("model", sa.String(120), nullable=False),
        sa.Column("recording", sa.Text),
        sa.Column("handoff_ref", sa.String(80)),
        sa.Column("survey", sa.String(40)),
        sa.Index("calls_by_start", "started"),
        sa.Index("calls_by_end", "ended"),
    )
    sa.Table(
        "call_lines",
        tables,
        sa.Column("call_id", sa.ForeignKey("calls.call_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("t", sa.Float, nullable=False),
        sa.Column("what", sa.String(10), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    sa.Table(
        "utterances",
        tables,
        sa.Column("call_id", sa.ForeignKey("calls.call_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("recogniser_confidence", sa.Float, nullable=False),
        sa.Column("intent", sa.String(80)),
        sa.Column("confidence", sa.Float),
        sa.Column("decision", sa.String(40)),
        sa.Column("backend", sa.String(40), nullable=False),
        sa.Column("model", sa.String(120), nullable=False),
        sa.Column("reviewed_intent", sa.String(80)),
        sa.Column("reviewed_by", sa.String(80)),
        sa.Column("reviewed_at", _TIME),
        sa.Index("utterances_by_confidence", "confidence"),
    )
