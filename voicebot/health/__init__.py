"""Whether the service works, part by part."""
