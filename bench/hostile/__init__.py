"""Hostile clients against the running service: what they cost the callers, and whether a well-behaved client is still answered.

The service is `voicebot serve` itself, callers and attackers are processes of their own. Everything goes to loopback and ends.
"""
