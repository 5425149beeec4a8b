"""The audit trail. The database itself takes only the next line, and lets none be changed or taken away."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_SQLITE = (
    # REPLACE deletes without asking the other triggers: this one is asked first
    """CREATE TRIGGER audit_only_next BEFORE INSERT ON audit
    WHEN NEW.position <> (SELECT COALESCE(MAX(position), 0) + 1 FROM audit)
      OR NEW.previous <> COALESCE((SELECT hash FROM audit ORDER BY position DESC LIMIT 1), '')
    BEGIN SELECT RAISE(ABORT, 'the audit trail only grows at its end'); END""",
    """CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail cannot be changed'); END""",
    """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail cannot be changed'); END""",
)
_POSTGRESQL = (
    """CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit trail cannot be changed'; END $$""",
    """CREATE FUNCTION audit_next() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
      IF NEW.position <> (SELECT COALESCE(MAX(position), 0) + 1 FROM audit)
        OR NEW.previous <> COALESCE((SELECT hash FROM audit ORDER BY position DESC LIMIT 1), '')
      THEN RAISE EXCEPTION 'the audit trail only grows at its end'; END IF;
      RETURN NEW;
    END $$""",
    "CREATE TRIGGER audit_only_next BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_next()",
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
)


def upgrade() -> None:
    """Make the table, and its triggers where we know how."""
    op.create_table(
        "audit",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("what", sa.String(64), nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    for statement in {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}.get(op.get_bind().dialect.name, ()):
        op.execute(statement)
