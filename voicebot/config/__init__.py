"""Configuration: the settings, where they come from, and the check of every mistake."""
