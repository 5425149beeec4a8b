"""Every call here has a real state server."""

from tests.voicebot.state.servers import other, server, shared

__all__ = ["other", "server", "shared"]
