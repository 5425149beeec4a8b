"""The running service: configuration, telephony legs, the pipecat pipeline, the call driver, hand-off, state, web API, command
line. May import every other room; nothing imports it.
"""

__version__ = "0.1.0"
