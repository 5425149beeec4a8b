"""An index of numbers as they are kept, for one person's calls; see `voicebot.records.ahead` for how a full database gets it."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"

INDEXES = {
    "calls_by_number": "calls (number, number_hash)",
}
"""What each is on."""
AHEAD_FROM = "0013"
"""A database of this version or a later one has all of these columns: it can get the indexes before this step."""


def upgrade() -> None:
    """Make those that were not made ahead."""
    for name in INDEXES:
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {on(name)}")


def on(name: str, kind: str = "") -> str:
    """The table and columns of an index, the same in every kind of database."""
    return INDEXES[name]
