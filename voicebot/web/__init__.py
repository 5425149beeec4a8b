"""The web API: health, the agent's screen, calls, live switches, figures. Personal data only behind the token."""

from voicebot.web.app import WebParts, build_app
from voicebot.web.server import WebServer, serve

__all__ = ["WebParts", "WebServer", "build_app", "serve"]
