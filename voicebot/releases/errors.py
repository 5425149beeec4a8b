"""What can be wrong with a release or with an order about one."""

from __future__ import annotations

from voicebot.errors import Refused


class ReleaseError(Refused):
    """It cannot be done; the message says why and what to do."""

    code = "release.refused"
