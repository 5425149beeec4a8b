"""What we say to a trunk on our own: registration (RFC 3261, 10), OPTIONS to see whether it is there, digest either way."""
