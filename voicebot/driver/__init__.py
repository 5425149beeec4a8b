"""The call driver: one queue of facts in, the dialogue's actions out, for one call.

Knows no pipecat and no SIP: what it drives is a `Stage` (the pipeline, a text chat, a test). Facts from every side go through one
queue, so the dialogue sees one ordered stream. Whatever goes wrong ends with the caller at a human (`rescue`).
"""

from voicebot.driver.driver import CallDriver, DriverSettings
from voicebot.driver.stage import Stage

__all__ = ["CallDriver", "DriverSettings", "Stage"]
