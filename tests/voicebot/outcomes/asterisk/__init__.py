"""The adapter for Asterisk."""
