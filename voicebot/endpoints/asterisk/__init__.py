"""Calls by Asterisk 22.8 and newer: ARI with its media over `chan_websocket` or AudioSocket, or a dialplan without ARI rights."""
