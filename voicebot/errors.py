"""The service's error tree, and what each code in the house means to the caller.

Every error of ours carries a stable `code`, "<stage>.<what>", for logs, records and metrics. Rooms that import nothing of ours
(`audio`, `nlu`, `caller_id`) and the telephone edge keep small trees of their own with the same convention; `consequence` covers
all of them by code.
"""

from __future__ import annotations

from dataclasses import dataclass


class VoicebotError(Exception):
    """Base of the service's errors."""

    code = "voicebot.failed"


class ConfigError(VoicebotError):
    """The configuration cannot be used; the message lists every mistake with file, line and mend."""

    code = "config.invalid"


class StateError(VoicebotError):
    """Shared state failed."""

    code = "state.failed"


class StateUnavailable(StateError):
    """The state server does not answer in time, or is known to be away; the call goes on with what this process knows."""

    code = "state.unavailable"


class EmbeddedStateError(StateError):
    """The embedded state server cannot be started; the message says why, and the mend."""

    code = "state.embedded"


class HandOffError(VoicebotError):
    """A hand-off could not be prepared or carried out."""

    code = "handoff.failed"


class RecordsError(VoicebotError):
    """Call records cannot be written or read; the message says where, and the mend."""

    code = "records.failed"


@dataclass(frozen=True, slots=True)
class Consequence:
    """What an error means to the caller.

    `stage` is what the dialogue is told (`dialogs.events.Failed.stage`), None when it need not know. `prompt` is what the caller
    hears next, by its id in the bundle (or of the rescue conversation); None when the call goes on as if nothing were.
    """

    stage: str | None = None
    prompt: str | None = None


_UNNOTICED = Consequence()
_KEYS = "use_keys"
_RESCUED = Consequence(None, "rescue.connecting")

# The longest prefix of a code wins. A code that is not here at all ends at a human: the caller is never dropped.
_CONSEQUENCES: dict[str, Consequence] = {
    # sound: without ears there are keys; without a voice nothing can be said, so a human takes over at once
    "audio": Consequence("voice"),
    "audio.recogniser": Consequence("recogniser", _KEYS),
    "audio.model": Consequence("recogniser", _KEYS),
    "audio.synthesis": Consequence("voice"),
    "audio.prompt_missing": Consequence("voice"),
    # understanding: keywords were tried by then
    "nlu": Consequence("classifier", _KEYS),
    "nlu.semantic": _UNNOTICED,
    "nlu.rasa": _UNNOTICED,
    "nlu.rasa_away": _UNNOTICED,
    # the conversation itself
    "dialogs": _RESCUED,
    "dialogs.prompt_missing": Consequence("voice"),
    "call": _RESCUED,
    # the line
    "telephony": _RESCUED,
    "telephony.gone": _UNNOTICED,
    "telephony.max_length": Consequence("max_length", "too_long"),
    "handoff": Consequence(None, "apology"),
    "handoff.callback": Consequence(None, "apology"),
    "handoff.webhook": _UNNOTICED,
    # what stands around the call
    "caller_id": _UNNOTICED,
    "state": _UNNOTICED,
    "records": _UNNOTICED,
    "config": _UNNOTICED,
}


def code_of(error: BaseException) -> str:
    """The stable code of any error; "python.<Type>" for one that is none of ours."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) and "." in code else f"python.{type(error).__name__}"


def consequence(code: str) -> Consequence:
    """What an error with this code means to the caller."""
    parts = code.split(".")
    for length in range(len(parts), 0, -1):
        found = _CONSEQUENCES.get(".".join(parts[:length]))
        if found is not None:
            return found
    return _RESCUED
