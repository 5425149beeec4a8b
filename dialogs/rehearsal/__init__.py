"""Calls held in text: rehearsals, replays of records, and conversation tests."""
