"""What a dialplan is told about a caller whom it is to put through: names and opaque references, nothing personal."""

from __future__ import annotations

import re

from voicebot.endpoints.leg import TransferTarget

_ODD = re.compile(r"[^A-Za-z0-9_.:/+-]")


def variables_of(target: TransferTarget) -> dict[str, str]:
    """Channel variables by name. Whatever a dialplan could read as more than a word is replaced."""
    whisper = f"{target.language}/{target.intent}" if target.intent else ""
    found = {
        "QUEUE": target.address,
        "QUEUE_PRIO": str(target.priority),
        "SEGMENT": target.segment,
        "INTENT": target.intent,
        "LANGUAGE": target.language,
        "HANDOFF_REF": target.ref,
        "WHISPER": whisper,
    }
    return {name: _ODD.sub("_", value) for name, value in found.items()}
