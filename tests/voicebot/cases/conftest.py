"""Every test here runs against a real state server and real databases."""

from __future__ import annotations

from tests.voicebot.records.servers import database_url, engine, postgres
from tests.voicebot.state.servers import server, shared

__all__ = ["database_url", "engine", "postgres", "server", "shared"]
