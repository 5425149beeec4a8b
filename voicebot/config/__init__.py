"""Configuration: the settings, where they come from, and the check of every mistake."""

from voicebot.config.loading import load_settings
from voicebot.config.settings import Settings

__all__ = ["Settings", "load_settings"]
