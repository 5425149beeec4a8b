"""What goes wrong with a backup."""

from __future__ import annotations

from voicebot.errors import VoicebotError


class BackupError(VoicebotError):
    """A backup cannot be made, or not be restored; the message says why, and what to do. Nothing was changed."""

    code = "backup.failed"
