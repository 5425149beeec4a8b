"""Alembic runs this to carry out the steps, on the connection that `voicebot.records.schema` hands over."""

from __future__ import annotations

from alembic import context

from voicebot.records.models import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
