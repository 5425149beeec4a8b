"""The one vocabulary of a call: what happened (events) and what to do (actions).

Runtime, logs, call records, tests and screens all speak it. `Dialog.handle(event, now)` takes one event and returns actions;
the same events at the same times give the same actions, so a recorded call can be replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from caller_id.types import Caller
from nlu.types import Understanding

# ---------------------------------------------------------------- what happened


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The call is answered. `line` is the dialled line's name in the bundle; `without` names what is out of order from
    the first second ("recogniser", "classifier")."""

    caller: Caller
    line: str = "main"
    language: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """The caller said something. `understanding` is None for a partial result and when the classifier failed.

    `text` is what the recogniser wrote, personal numbers masked. `confidence` is the recogniser's, 0..1.
    """

    text: str
    final: bool = True
    understanding: Understanding | None = None
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """One key: 0-9, *, #. Never logged when the dialogue is collecting something secret."""

    key: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing was said or pressed for `seconds` while the dialogue listened (or a timer of `Wait` ran out)."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PromptFinished:
    """The last sample of the `Say` with this mark has been heard by the caller."""

    mark: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller spoke over (or pressed a key during) the `Say` with this mark, which was stopped after `played_s`."""

    mark: str
    played_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AuthorisationResult:
    """The answer to `Authorise`."""

    confirmed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HandOffResult:
    """The answer to `HandOff`: taken over by `queue`, or not (`reason`: refused, timeout, unreachable)."""

    ok: bool
    queue: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """A stage failed and the call goes on without it: "recogniser", "classifier", "voice", "state"."""

    stage: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller left."""

    by: str = "caller"


Event = (
    CallStarted
    | Heard
    | KeyPressed
    | Silence
    | PromptFinished
    | Interrupted
    | AuthorisationResult
    | HandOffResult
    | Failed
    | HungUp
)

# ---------------------------------------------------------------- what to do


@dataclass(frozen=True, slots=True)
class Prompt:
    """One approved text by id, with the values spoken inside it (typed strings: see `audio.spoken`)."""

    id: str
    params: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Say:
    """Speak these prompts in this language; `PromptFinished(mark)` comes back when they have been heard."""

    prompts: tuple[Prompt, ...]
    language: str
    mark: str
    barge_in: bool = True
    speed: float = 1.0


class Expect(StrEnum):
    """What kind of answer is awaited: it sets end-of-turn patience and the recogniser's grammar."""

    OPEN = "open"
    YES_NO = "yes_no"
    CHOICE = "choice"
    DIGITS = "digits"


@dataclass(frozen=True, slots=True)
class Listen:
    """Listen to voice and keys; after `no_input_s` of nothing (counted from the end of speech of the bot) comes `Silence`."""

    expect: Expect = Expect.OPEN
    no_input_s: float = 6.0
    max_s: float = 20.0
    language: str = "pl"


@dataclass(frozen=True, slots=True)
class CollectKeys:
    """Only keys count from now on; each comes as `KeyPressed`, and `Silence` after `timeout_s` without one.

    `secret` keys appear in no log and no record, not even their number.
    """

    max_digits: int
    timeout_s: float = 4.0
    terminator: str = "#"
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Stay silent and listen to keys and voice for `seconds`, then `Silence` ("wait a moment")."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Decided:
    """Nothing to do: the decision just taken and why, for the record, the agent, and people who tune.

    `kind`: accept, confirm, choose, reask, menu, human, message, emergency, language…
    """

    kind: str
    why: str
    intent: str | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Authorise:
    """Ask the caller's app to confirm; `AuthorisationResult` comes back."""

    purpose: str


@dataclass(frozen=True, slots=True)
class HandOff:
    """Put the caller through to `queue`; `HandOffResult` comes back. Highest `priority` is 10, ordinary 0.

    `words` are the caller's own, redacted. `tried` lists the steps taken so far, oldest first. `call_back` asks the queue for a
    callback to this E.164 number that keeps the caller's place, instead of a transfer.
    """

    queue: str
    priority: int = 0
    segment: str = "mass"
    language: str = "pl"
    intent: str | None = None
    confidence: float | None = None
    second: str | None = None
    words: str = ""
    tried: tuple[str, ...] = ()
    reason: str = ""
    call_back: str | None = None
    entities: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call; whatever is still being said is heard first. `reason`: done, goodbye, handed_over, caller_gone, apology."""

    reason: str = "done"


Action = Say | Listen | CollectKeys | Wait | Decided | Authorise | HandOff | HangUp
