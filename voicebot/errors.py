"""The service's error tree.

Every error of ours carries a stable `code`, "<stage>.<what>", for logs, records and metrics. The packages that import nothing of
ours (`audio`, `nlu`, `caller_id`), the dialogue and the endpoints keep small trees of their own with the same convention. What an
error means to the caller follows from the stage that failed: see `dialogs.engine.steps.failures` and `docs/driver.md`.
"""

from __future__ import annotations


class VoicebotError(Exception):
    """Base of the service's errors."""

    code = "voicebot.failed"


class Refused(VoicebotError):
    """What a person asked for cannot be done. The message says why in English, for command lines and logs; a page says it in the
    language of its reader, by the text "refused.`why`" with the `facts` in it.
    """

    code = "voicebot.refused"

    def __init__(self, message: str, why: str = "", **facts: object) -> None:
        """Without `why` the message is for pages, too."""
        super().__init__(message)
        self.why, self.facts = why, facts


class ConfigError(VoicebotError):
    """The configuration cannot be used; the message lists every mistake with file, line and what to write."""

    code = "config.invalid"


class StateError(VoicebotError):
    """Shared state failed."""

    code = "state.failed"


class StateUnavailable(StateError):
    """The state server does not answer in time, or is known to be away; the call goes on with what this process knows."""

    code = "state.unavailable"


class EmbeddedStateError(StateError):
    """The embedded state server cannot be started; the message says why, and what to do."""

    code = "state.embedded"


class HandOffError(VoicebotError):
    """A hand-off could not be prepared or carried out."""

    code = "handoff.failed"


class RecordsError(VoicebotError):
    """Call records cannot be written or read; the message says where, and what to do."""

    code = "records.failed"


def code_of(error: BaseException) -> str:
    """The stable code of any error; "python.<Type>" for one that is none of ours."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) and "." in code else f"python.{type(error).__name__}"
