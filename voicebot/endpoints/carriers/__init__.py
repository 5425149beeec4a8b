"""Calls by a carrier's WebSocket: Twilio Media Streams, Telnyx media streaming, Genesys AudioHook."""
