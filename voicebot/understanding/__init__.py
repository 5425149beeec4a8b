"""Understanding as the service uses it: the configured back end, and keywords when it fails."""
