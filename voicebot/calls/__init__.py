"""Telephone calls being served: the edge between a leg and the conversation."""
