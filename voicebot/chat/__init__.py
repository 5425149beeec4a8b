"""The text channel: the conversation of the telephone in writing, as a page of its own and a WebSocket for the bank's web chat.

The same dialogue, understanding, hand-off and records serve it; only the stage differs: it sends text instead of speaking.
"""
