"""E-mail steering."""
