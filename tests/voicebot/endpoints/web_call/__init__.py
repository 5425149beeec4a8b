"""Calls of the bank's app, from offer to end."""
