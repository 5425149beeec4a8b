"""The engine: one event and the time come in, actions come out. Pure: no I/O, no clock."""
