"""The keyed hash of the caller's number: with it a person's calls can be found though their number is not kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Calls of before have none."""
    op.add_column("calls", sa.Column("number_hash", sa.String(64)))
    op.create_index("calls_by_number_hash", "calls", ["number_hash"])
