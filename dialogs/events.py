"""The one vocabulary of a call: what happened (events) and what to do (actions).

Runtime, logs, call records, tests and screens all speak it. `Dialog.handle(event, now)` takes one event and returns actions;
the same events at the same times give the same actions, so a recorded call can be replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from caller_id.types import Caller
from nlu.types import Understanding

# ---------------------------------------------------------------- live conditions


@dataclass(frozen=True, slots=True)
class Switch:
    """A live decision of a person: `name` is "surge" or "closure", `who` set it, `since` is ISO 8601.

    A closure closes `queue` ("" closes every queue but the emergency ones). `prompt` is the approved announcement to play.
    """

    name: str
    who: str
    since: str
    queue: str = ""
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is true of the queues now: expected waits in seconds, only for queues with a figure behind it, and switches."""

    waits: tuple[tuple[str, float], ...] = ()
    switches: tuple[Switch, ...] = ()


# ---------------------------------------------------------------- what happened


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The call is answered. `line` is the dialled line's name in the bundle; `without` names what is out of order from
    the first second ("recogniser", "classifier").

    `last_queue` is where this number was put through earlier the same day. `preferences` are remembered for the number
    ("slow", "patient", "keys"). `channel` is "voice" or "chat". `recorded`: the call is being recorded, so the notice is due.
    """

    caller: Caller
    line: str = "main"
    language: str | None = None
    without: tuple[str, ...] = ()
    last_queue: str | None = None
    preferences: tuple[str, ...] = ()
    channel: str = "voice"
    recorded: bool = False
    conditions: Conditions = Conditions()
    app_proof: bool = False
    """The caller can be asked to prove who they are in the bank's app, or has done so."""
    code: bool = False
    """A code that the bank's app shows may be typed."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The caller said something. `understanding` is None for a partial result and when the classifier failed.

    `text` is what the recogniser wrote, personal numbers masked. `confidence` is the recogniser's, 0..1.
    """

    text: str
    final: bool = True
    understanding: Understanding | None = None
    confidence: float = 1.0
    number: str = field(default="", repr=False)
    """The digits that were said, while a telephone number is being taken (`Expect.DIGITS`); "" at any other time."""


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
class AuthorisationAsked:
    """The caller's app shows the request that `Authorise` asked for. `words` stand in it, in `language`: the bot says them, and
    the caller compares. They are in no log and no record.
    """

    words: str = field(repr=False)
    language: str = "pl"


@dataclass(frozen=True, slots=True)
class AuthorisationResult:
    """The answer to `Authorise`. `reason` says why it is not confirmed: refused (in the app), expired, no_app, other_customer
    (somebody else confirmed than the number suggests), limit, busy, unavailable.

    `level` and `at` (ISO 8601) say how and when the app authenticated the customer. `advisor` says whether somebody of the bank
    is on the telephone with the customer: calling, lately, none; "" without proof.
    """

    confirmed: bool
    reason: str = ""
    level: str = ""
    at: str = ""
    advisor: str = ""


@dataclass(frozen=True, slots=True)
class CodeTyped:
    """The caller typed a number that may be the code of their app (`Listen.code_s`). Its digits are in no event. `whole`: it is
    as long as a code is.
    """

    whole: bool = True


@dataclass(frozen=True, slots=True)
class CodeResult:
    """The answer to `CheckCode`: the caller as the code's ticket says who they are, or None and why not: code (nobody has it, or
    no longer), tries (too many wrong ones), unavailable, or another reason of `caller_id.ticket.Refusal`.
    """

    caller: Caller | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HandOffResult:
    """The answer to `HandOff`: taken over by `queue`, or not (`reason`: refused, timeout, unreachable, passed_back)."""

    ok: bool
    queue: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """A stage failed and the call goes on without it: "recogniser", "classifier", "voice", "state", "max_length"."""

    stage: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class ConditionsChanged:
    """Waits or switches changed while the call runs."""

    conditions: Conditions


@dataclass(frozen=True, slots=True)
class Resumed:
    """The far end held the call for `held_s` seconds and took it back: whoever listens now may have missed the question."""

    held_s: float = 0.0
    cut_off: tuple[str, ...] = ()
    """Marks of what was being said when the hold began: it was not heard."""


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
    | AuthorisationAsked
    | AuthorisationResult
    | CodeTyped
    | CodeResult
    | HandOffResult
    | Failed
    | ConditionsChanged
    | Resumed
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
    code_s: float = 0.0
    """The code of the caller's app may be typed: its first digit alone counts as a key when so many seconds bring no other. Every
    other key counts at once; with 0 each does.
    """


@dataclass(frozen=True, slots=True)
class CollectKeys:
    """A number is taken from now on; each key comes as `KeyPressed`, and `Silence` after `timeout_s` without one.

    `secret` keys appear in no log and no record, not even their number. `by_voice`: the number may be said as well, in
    `language`, and comes as `Heard` with its digits; otherwise only keys count.
    """

    max_digits: int
    timeout_s: float = 4.0
    terminator: str = "#"
    secret: bool = False
    by_voice: bool = False
    language: str = "pl"


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
    """Ask the caller's app to confirm, with two words in `language`. `AuthorisationAsked` comes back when the app shows them, and
    `AuthorisationResult` in the end. Whoever has proven who they are is not asked again.
    """

    purpose: str
    language: str = "pl"


@dataclass(frozen=True, slots=True)
class CheckCode:
    """Spend the code that was typed; `CodeResult` comes back."""


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of the story for the agent. `what`: said, key, silence, not_understood, asked, offered, confirmed, denied,
    matter, message; `text` are the caller's words (redacted), the key, or the matters' names.
    """

    what: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class HandOff:
    """Put the caller through to `queue`; `HandOffResult` comes back. Highest `priority` is 10, ordinary 0, -1 behind all.

    `words` are the caller's own, redacted. `tried` lists the steps taken so far, oldest first. `call_back` asks the queue for a
    callback to this E.164 number that keeps the caller's place, instead of a transfer.
    `kind` is "transfer", "callback" or "message" (the caller's message is in `words`); `due` is the earliest time of a callback
    (ISO 8601), "" for as soon as the place comes up.
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
    kind: str = "transfer"
    due: str = ""
    others: tuple[str, ...] = ()
    """Further matters that the caller named, after `second`."""
    denied: tuple[str, ...] = ()
    """Matters that the caller said it is not."""
    story: tuple[Told, ...] = ()
    """What was said, asked, offered and answered, oldest first; of a very long call the middle is left out."""
    wishes: tuple[tuple[str, str], ...] = ()
    """The caller's wishes: callback_day (ISO 8601), callback_part (morning, afternoon, evening), language, slow…"""
    bot_s: float = 0.0
    """How long the caller has been with the bot, in seconds."""
    segment_by: str = "unknown"
    """How the segment is known: line, app, number, unknown."""
    answer_to: str | None = None
    """The number (E.164) on which an answer to a message is expected."""


@dataclass(frozen=True, slots=True)
class StopRecording:
    """The caller does not want to be recorded: stop, and keep nothing of what was recorded so far."""

    why: str = "opted_out"


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep this preference for the caller's number ("slow", "patient", "keys"), or forget it (`on` False)."""

    preference: str
    on: bool = True


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call; whatever is still being said is heard first. `reason`: done, goodbye, handed_over, caller_gone, apology."""

    reason: str = "done"


Action = Say | Listen | CollectKeys | Wait | Decided | Authorise | CheckCode | HandOff | StopRecording | Remember | HangUp
