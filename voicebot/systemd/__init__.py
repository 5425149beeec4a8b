"""The service on a machine with systemd: its units, and putting them in place (`install`)."""
