"""Switches are kept in a real database and a real state server."""

from __future__ import annotations

from tests.voicebot.records.servers import database_url, engine, postgres
from tests.voicebot.state.servers import other, server, shared

__all__ = ["database_url", "engine", "other", "postgres", "server", "shared"]
