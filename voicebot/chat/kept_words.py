"""What is kept of what both write to each other: redacted, each line as the answer to the lines before it."""

from __future__ import annotations

from collections import deque

from voicebot.redaction import redact_text

_LINES_BEFORE = 3
_CHARS_OF_EACH = 300
_PART = "<digits>"


class KeptWords:
    """Remembers the last lines as they were written, of both sides. "1234" is nothing by itself, and a PIN after "your PIN?"; a
    number that is written in two lines is none in either of them.
    """

    def __init__(self) -> None:
        self._before: deque[str] = deque(maxlen=_LINES_BEFORE)

    def take(self, text: str) -> str:
        """What may be kept of this line, which is the next one from now on."""
        kept = self.redacted(text)
        self.heard(text)
        return kept

    def heard(self, text: str) -> None:
        """A line was written."""
        self._before.append(text[-_CHARS_OF_EACH:])

    def redacted(self, text: str) -> str:
        """What may be kept of a line, if it comes next."""
        alone = redact_text(text)
        if not self._before:
            return alone
        lines = redact_text("\n".join((*self._before, text))).split("\n")
        if len(lines) <= len(self._before):
            return _PART  # a number goes on from one line to the next, and where it begins cannot be told any more
        return redact_text(lines[-1])
