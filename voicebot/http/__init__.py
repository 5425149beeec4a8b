"""Serving HTTP so that no client costs more than its share: the server, its limits, and what every request passes first."""
