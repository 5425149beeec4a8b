"""Calls by carriers' WebSockets, in the words of their own documentation."""
