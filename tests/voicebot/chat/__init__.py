"""The text channel: messages, limits, offers, whole chats over a real WebSocket, and the page in a real browser."""
