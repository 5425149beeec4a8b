"""How much of a message is taken in. More is refused by the API; the mailbox's reader cuts it off."""

from __future__ import annotations

MOST_SUBJECT = 1000
"""Characters."""
MOST_TEXT = 100_000
MOST_HTML = 200_000
MOST_ATTACHMENTS = 50
LONGEST_NAME = 255
"""Of an attachment."""
LONGEST_ADDRESS = 320
MOST_BODY = 600_000
"""Octets of JSON that hold a message of the greatest length in letters of two octets, and its frame."""
