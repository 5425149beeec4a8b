"""Measurements: `make bench` prints the budgets of the design as `name: value` lines. Nothing here passes or fails."""
