"""Asterisk's queue_log as events of hand-offs: a process of its own that reads the file and tells the API."""
