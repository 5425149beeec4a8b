"""Tools for people who design the conversation."""
