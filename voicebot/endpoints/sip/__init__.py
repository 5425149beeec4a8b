"""The embedded SIP endpoint."""
