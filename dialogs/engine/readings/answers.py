"""What the caller means, whether they said it or pressed it: words and keys become the same `Answer`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Means(StrEnum):
    """The meanings a step can be answered with."""

    MATTER = "matter"
    UNSURE = "unsure"
    SEVERAL = "several"
    EMERGENCY = "emergency"
    EMERGENCY_UNSURE = "emergency_unsure"
    YES = "yes"
    NO = "no"
    OPTION = "option"
    COMMAND = "command"
    AGENT = "agent"
    LANGUAGE = "language"
    REPEAT = "repeat"
    HELP = "help"
    WAIT = "wait"
    GOODBYE = "goodbye"
    PERHAPS_DONE = "perhaps_done"  # sounds like an end, and may be anything
    SECURITY = "security"
    MENU = "menu"
    STEP = "step"
    SILENCE = "silence"
    NOTHING = "nothing"


MATTERS = (Means.MATTER, Means.UNSURE, Means.SEVERAL)
"""A matter is named, more or less surely."""
LIKELY = 0.5
"""A matter not yet confirmed is told to the agent, and chooses the queue, from this probability."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `option` names the option, command, language or menu meant; `correction` says that it began with a no.

    `denied` are matters that the same words say it is not.
    `queue` is set when a menu option stands for several matters of one queue, so no single intent is known.
    """

    means: Means
    by: str = "words"
    text: str = ""
    intent: str | None = None
    confidence: float | None = None
    choices: tuple[str, ...] = ()
    second: str | None = None
    option: str = ""
    correction: bool = False
    wants_human: bool = False
    queue: str | None = None
    language: str | None = None
    entities: tuple[tuple[str, str], ...] = ()
    denied: tuple[str, ...] = ()

    @property
    def vague(self) -> bool:
        """Nothing surer is named than what was on offer."""
        return self.means in (Means.NO, Means.NOTHING) or (self.means in MATTERS and (self.confidence or 0) < LIKELY)
