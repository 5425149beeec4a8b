"""Commands that run the service: start, reload, install, check what it needs."""
