"""The HTTP server under clients that mean no good."""
