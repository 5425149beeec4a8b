"""One label of a person for a line; words of labels and of the sample to compare; leases; a day is drawn once; studies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from voicebot.records.folding import folded

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Of several labels of a person for a line the latest stays."""
    op.execute(
        "DELETE FROM labels WHERE EXISTS (SELECT 1 FROM labels AS later WHERE later.call_id = labels.call_id "
        "AND later.position = labels.position AND later.who = labels.who AND later.seq > labels.seq)"
    )
    op.drop_index("labels_by_line", "labels")
    op.create_index("labels_by_line", "labels", ["call_id", "position", "who"], unique=True)
    for name in ("stratum", "probability"):  # they stand in the sample, which may be drawn after the label
        op.drop_column("labels", name)
    for table in ("labels", "sampled_lines"):
        op.add_column(table, sa.Column("folded", sa.Text, nullable=False, server_default=""))
    _fold()
    op.create_index("labels_by_words", "labels", ["folded"])
    op.create_index("sampled_lines_by_words", "sampled_lines", ["folded"])
    op.drop_index("sampled_lines_by_day", "sampled_lines")
    _count_places()
    op.create_index("sampled_lines_by_day", "sampled_lines", ["day", "place"], unique=True)
    op.create_table(
        "review_leases",
        sa.Column("who", sa.String(80), primary_key=True),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("review_leases_by_line", "review_leases", ["call_id", "position", "slot"], unique=True)
    _studies()


def _studies() -> None:
    op.create_table(
        "review_findings",
        sa.Column("kind", sa.String(24), primary_key=True),
        sa.Column("call_id", sa.String(64), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("was", sa.String(120), nullable=False),
        sa.Column("found", sa.String(120), nullable=False),
        sa.Column("sure", sa.Float, nullable=False),
        sa.Column("hits", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "review_studies",
        sa.Column("name", sa.String(24), primary_key=True),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("began", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True)),
        sa.Column("share", sa.Float, nullable=False),
        sa.Column("what", sa.String(80), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("result_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "taught_lines",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("matter", sa.String(80), nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("taught_lines_by_matter", "taught_lines", ["matter"])


def _fold() -> None:
    """The words of a sampled line stand in its utterance, and in its labels when the call is deleted."""
    connection = op.get_bind()
    labels = connection.execute(sa.text("SELECT seq, call_id, position, text FROM labels")).all()
    for seq, _, _, text in labels:
        connection.execute(sa.text("UPDATE labels SET folded = :folded WHERE seq = :seq"), {"folded": folded(text), "seq": seq})
    words = {(call_id, position): text for _, call_id, position, text in labels}
    of_lines = (
        "SELECT s.call_id, s.position, u.text FROM sampled_lines s "
        "JOIN utterances u ON u.call_id = s.call_id AND u.position = s.position"
    )
    words |= {(call_id, position): text for call_id, position, text in connection.execute(sa.text(of_lines))}
    change = sa.text("UPDATE sampled_lines SET folded = :folded WHERE call_id = :call_id AND position = :position")
    for (call_id, position), text in words.items():
        connection.execute(change, {"folded": folded(text), "call_id": call_id, "position": position})


def _count_places() -> None:
    """Two processes could draw one day: their lines stand one behind the other."""
    connection = op.get_bind()
    in_order = "SELECT day, call_id, position, place FROM sampled_lines ORDER BY day, place, call_id, position"
    change = sa.text("UPDATE sampled_lines SET place = :place WHERE call_id = :call_id AND position = :position")
    day, place = None, 0
    for line in connection.execute(sa.text(in_order)).all():
        day, place = line.day, place + 1 if line.day == day else 0
        if place != line.place:
            connection.execute(change, {"place": place, "call_id": line.call_id, "position": line.position})
