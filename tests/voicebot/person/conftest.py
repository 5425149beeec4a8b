"""A real state server for tests that need two processes."""

from tests.voicebot.state.servers import other, server, shared

__all__ = ["other", "server", "shared"]
