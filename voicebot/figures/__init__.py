"""Figures of the hotline: what each means, how it is estimated, and the daily roll-ups that they are read from."""
