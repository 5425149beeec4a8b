"""Cases that are done, latest first: an index. Checks of a proposal are a run's, for a while: one that is gone holds none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the index and the columns. Checks that run now are nobody's: they count as failed until their end is told."""
    op.create_index("cases_by_closed", "cases", ["status", "closed_at", "ref"])
    op.add_column("proposals", sa.Column("checks_run", sa.String(32), nullable=False, server_default=""))
    op.add_column("proposals", sa.Column("checks_until", sa.DateTime(timezone=True)))
