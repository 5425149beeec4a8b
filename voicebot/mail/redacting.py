"""Redaction of long texts. Looking for secrets takes far longer than in proportion to the length of a text: what a caller says or
types is short. A mail is redacted in pieces, broken where no number is near.
"""

from __future__ import annotations

import re

from voicebot.redaction import redact_text

_LEAST, _MOST = 300, 600
"""Characters of a piece."""
_SAFE_BREAK = re.compile(r"\s+(?=[^\d]{60})")


def redact_long(text: str) -> str:
    """As `redact_text`, in pieces. A piece ends where no digit follows for a while, and between words in any case."""
    done, left = [], text
    while len(left) > _MOST:
        safe = _SAFE_BREAK.search(left, _LEAST, _MOST)
        at = safe.end() if safe is not None else left.rfind(" ", _LEAST, _MOST) + 1 or _MOST
        done.append(redact_text(left[:at]))
        left = left[at:]
    return "".join([*done, redact_text(left)])
