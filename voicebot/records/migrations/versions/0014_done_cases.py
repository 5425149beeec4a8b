"""Cases that are done, latest first: an index."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the index."""
    op.create_index("cases_by_closed", "cases", ["status", "closed_at", "ref"])
