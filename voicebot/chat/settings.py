"""Bounds of the text channel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """What a chat may cost, and who may open one.

    `origins` are the bank's other sites that may embed the page or open the WebSocket, written as a browser sends them
    ("https://www.bank.example"); the page's own origin always may. `patience_times` multiplies the dialogue's silences: a person
    who writes is slower than one who speaks, and may be reading. A chat in which the customer sends nothing for `idle_s` seconds
    ends; `idle_warning_s` before that they are asked whether they are still there (WCAG 2.2, criterion 2.2.1). `keys_held_s` is
    how long an announcement that can still be answered stands before the customer is handed over.
    """

    origins: tuple[str, ...] = ()
    max_chats: int = 200
    max_message_chars: int = 500
    max_messages_per_minute: int = 30
    patience_times: float = 10.0
    idle_s: float = 600.0
    idle_warning_s: float = 120.0
    max_chat_s: float = 3600.0
    keys_held_s: float = 20.0

    @property
    def longest_silence_s(self) -> float:
        """At least this long before the bot reminds of itself: so at most once before the idle customer's chat ends."""
        return 0.6 * self.idle_s
