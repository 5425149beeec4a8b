"""Legs whose sound comes as a stream (AudioSocket, a WebSocket) rather than by RTP: what they have in common."""
