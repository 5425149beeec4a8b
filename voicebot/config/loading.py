"""From the file and the environment to settings."""

from __future__ import annotations

from pathlib import Path

from voicebot.config.check import checked_settings
from voicebot.config.settings import Settings


def load_settings(path: Path | None = None) -> Settings:
    """The settings from the file (`path`, else VOICEBOT_CONFIG, else defaults) and the environment.

    Raises ConfigError with every mistake: its file, its line and what to write instead.
    """
    return checked_settings(path)
