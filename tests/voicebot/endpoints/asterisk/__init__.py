"""Asterisk as the real 22.10.1 was seen to behave, and our side of it."""
