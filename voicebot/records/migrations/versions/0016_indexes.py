"""Indexes for what the console asks of a million calls; see `voicebot.records.ahead` for how a full database gets them."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"

INDEXES = {
    "calls_by_caller": "calls (number_hash, started)",
    "calls_by_human": "calls (asked_human, started, call_id)",
    "calls_by_digits": "calls ({last_digits}, started, call_id)",
    "utterances_by_decision": "utterances (decision, call_id, position)",
    "handoff_events_by_kind": "handoff_events (what, at)",
}
"""What each is on."""
_LAST_DIGITS = {"sqlite": "substr(number, -3)", "postgresql": "right(number, 3)"}
AHEAD_FROM = "0013"
"""A database of this version or a later one has all of these columns: it can get the indexes before this step."""


def upgrade() -> None:
    """Make those that were not made ahead; one takes the place of an earlier one."""
    kind = op.get_bind().dialect.name
    for name in INDEXES:
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {on(name, kind)}")
    op.drop_index("calls_by_number_hash", "calls")


def on(name: str, kind: str) -> str:
    """The table and columns of an index in this kind of database."""
    return INDEXES[name].format(last_digits=_LAST_DIGITS.get(kind, "number"))
