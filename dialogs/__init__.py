"""The conversation: a pure state machine, and the flows, prompts, routes and hours (YAML) it runs.

No I/O beyond loading a bundle, no clock, no asyncio: events and the time come in, actions come out. May import the value
types of `nlu` and `caller_id` and nothing else of ours.
"""

from dialogs.data.bundle import Bundle, load_bundle
from dialogs.data.errors import BundleError, Problem, PromptMissing
from dialogs.data.prompts import PromptText
from dialogs.engine.dialog import Dialog

__all__ = ["Bundle", "BundleError", "Dialog", "Problem", "PromptMissing", "PromptText", "load_bundle"]
