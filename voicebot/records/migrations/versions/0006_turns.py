"""Counts of turns, channel and release of each call; folded words to search in; indexes for lists that are filtered."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from voicebot.records.folding import folded

revision = "0006"
down_revision = "0005"

_AT_ONCE = 2000
_COUNTS = ("turns", "no_match", "no_input", "reasks")
_BY = ("intent", "queue", "outcome")
_SEARCHED = (
    "CREATE VIRTUAL TABLE utterance_words USING fts5(folded, content='utterances', content_rowid='rowid')",
    """CREATE TRIGGER utterance_words_in AFTER INSERT ON utterances BEGIN
    INSERT INTO utterance_words(rowid, folded) VALUES (new.rowid, new.folded); END""",
    """CREATE TRIGGER utterance_words_out AFTER DELETE ON utterances BEGIN
    INSERT INTO utterance_words(utterance_words, rowid, folded) VALUES ('delete', old.rowid, old.folded); END""",
    """CREATE TRIGGER utterance_words_anew AFTER UPDATE OF folded ON utterances BEGIN
    INSERT INTO utterance_words(utterance_words, rowid, folded) VALUES ('delete', old.rowid, old.folded);
    INSERT INTO utterance_words(rowid, folded) VALUES (new.rowid, new.folded); END""",
    "INSERT INTO utterance_words(utterance_words) VALUES ('rebuild')",
)


def upgrade() -> None:
    """Add the columns; fold what was said before."""
    # column by column: to copy the table would delete what hangs on its rows
    columns: list[sa.Column[Any]] = [
        sa.Column("channel", sa.String(8), nullable=False, server_default="voice"),
        sa.Column("release", sa.String(64), nullable=False, server_default=""),
        sa.Column("asked_human", sa.String(8), nullable=False, server_default=""),
        sa.Column("by_keys", sa.Boolean, nullable=False, server_default=sa.false()),
        *(
            sa.Column(name, sa.Integer, nullable=False, server_default="0")
            for name in ("turns", "no_match", "no_input", "reasks")
        ),
        *(sa.Column(name, sa.String(16)) for name in ("first_decision", "last_decision")),
    ]
    for column in columns:
        op.add_column("calls", column)
    op.create_index("calls_in_order", "calls", ["started", "call_id"])
    for name in _BY:
        op.create_index(f"calls_by_{name}", "calls", [name, "started", "call_id"])
    op.add_column("utterances", sa.Column("folded", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "call_notes",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("call_notes_by_call", "call_notes", ["call_id"])
    _fold()
    if op.get_bind().dialect.name == "sqlite":
        for statement in _SEARCHED:
            op.execute(statement)
    else:
        op.execute("CREATE INDEX utterances_by_words ON utterances USING gin (to_tsvector('simple', folded))")


def _fold() -> None:
    connection = op.get_bind()
    table = sa.table("utterances", sa.column("call_id"), sa.column("position"), sa.column("text"), sa.column("folded"))
    key = (table.c.call_id, table.c.position)
    change = table.update().where(key[0] == sa.bindparam("of"), key[1] == sa.bindparam("at")).values(folded=sa.bindparam("to"))
    last = ("", -1)
    while True:
        behind = sa.or_(key[0] > last[0], sa.and_(key[0] == last[0], key[1] > last[1]))
        rows = connection.execute(sa.select(*key, table.c.text).where(behind).order_by(*key).limit(_AT_ONCE)).all()
        if not rows:
            return
        connection.execute(change, [{"of": row[0], "at": row[1], "to": folded(row[2])} for row in rows])
        last = (rows[-1][0], rows[-1][1])
