"""What a scripted caller does: one call's identity, its steps, and its manners when it is put through.

As JSON, a script is one object; a step is an object with one key that names it, and its options beside:

    {"target": "sip:802@127.0.0.1:5060", "number": "+48600100200", "codecs": ["g722"],
     "steps": [{"until_silent": 1.0}, {"say": "I've lost my card"}, {"until_ended": 30}]}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, cast

from voicebot.endpoints.sip.codecs import CODEC_SPECS, Codec


class ScriptError(ValueError):
    """A script cannot be followed; the message says where, and what to do."""

    code = "softphone.script"


@dataclass(frozen=True, slots=True)
class Say:
    """Speak English text, `speed` times as fast as usual."""

    text: str
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Play:
    """Play a 16-bit mono WAV."""

    path: Path


@dataclass(frozen=True, slots=True)
class Keys:
    """Press keys (0-9, *, #, A-D), `gap_s` apart."""

    keys: str
    gap_s: float = 0.12


@dataclass(frozen=True, slots=True)
class Pause:
    """Stay silent for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class UntilSilent:
    """Wait until the bot, having spoken since our last utterance, has been silent for `seconds`."""

    seconds: float
    at_most_s: float = 30.0


@dataclass(frozen=True, slots=True)
class UntilSpeaking:
    """Wait until the bot has been speaking for `seconds`: what is said next barges in."""

    seconds: float
    at_most_s: float = 30.0


@dataclass(frozen=True, slots=True)
class UntilEnded:
    """Wait until the far end hangs up or we have been put through, at most so many seconds."""

    at_most_s: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hang up now; also what happens after the last step."""


Step = Say | Play | Keys | Pause | UntilSilent | UntilSpeaking | UntilEnded | HangUp


class OnTransfer(StrEnum):
    """What the softphone does with a REFER. All but `FOLLOW` dial nobody outside."""

    ACCEPT = "accept"  # call the target's user at our own queue, which answers: 202, NOTIFY 100, NOTIFY 200
    FOLLOW = "follow"  # call the target for real
    REFUSE = "refuse"  # 202, then NOTIFY 603
    IGNORE = "ignore"  # 202, NOTIFY 100, and nothing after that
    HANG_UP = "hang_up"  # the caller gives up meanwhile


@dataclass(frozen=True, slots=True)
class CallScript:
    """One call."""

    target: str
    """The SIP URI to call, or the service's URL (https://…, no path) for a call as its app would place it (WebRTC)."""
    steps: tuple[Step, ...] = ()
    name: str = "call"
    """What reports and moments call it."""
    number: str = "caller"
    """The user of the From header; "anonymous" with the domain "anonymous.invalid" withholds it."""
    display: str = ""
    """The display name of the From header."""
    domain: str = "127.0.0.1"
    """The host of the From header."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """More headers of the INVITE."""
    ticket: str = field(default="", repr=False)
    """For a target of https://…: what lets the app call."""
    codecs: tuple[Codec, ...] = ("pcma",)
    """Offered, best first."""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    keys_by: Literal["rtpevent", "info"] = "rtpevent"
    """RFC 4733 or SIP INFO."""
    media_encryption: Literal["none", "srtp", "srtp-mand", "dtls_srtp"] = "none"
    on_transfer: OnTransfer = OnTransfer.ACCEPT
    ring_s: float = 20.0
    """The longest wait for an answer."""
    max_s: float = 120.0
    """The longest that the call may last."""
    delay_s: float = 0.0
    """Waited before dialling."""
    record: Path | None = None
    """Where what we hear is saved as WAV."""

    def __post_init__(self) -> None:
        if not self.target.startswith(("sip:", "sips:", "https://", "http://")):
            raise ScriptError(f"target must be a SIP URI like sip:802@127.0.0.1:5060, or https://…, got {self.target!r}")
        if self.by_web != bool(self.ticket):
            raise ScriptError("a call to https://… needs a ticket, and no other call takes one")
        for codec in self.codecs:
            if codec not in CODEC_SPECS:
                raise ScriptError(f"codec {codec!r} is none of {', '.join(CODEC_SPECS)}")

    @property
    def by_web(self) -> bool:
        """Whether it is placed as an app does."""
        return self.target.startswith("http")


_STEPS: dict[str, type[Step]] = {
    "say": Say,
    "play": Play,
    "keys": Keys,
    "wait": Pause,
    "until_silent": UntilSilent,
    "until_speaking": UntilSpeaking,
    "until_ended": UntilEnded,
    "hang_up": HangUp,
}
_NAMES = {kind: name for name, kind in _STEPS.items()}


def step_name(step: Step) -> str:
    """The step's name in JSON and on the timeline."""
    return _NAMES[type(step)]


def parse_script(data: Mapping[str, Any]) -> CallScript:
    """A script from its JSON object. Raises ScriptError."""
    unknown = set(data) - {item.name for item in fields(CallScript)}
    if unknown:
        raise ScriptError(f"script: {', '.join(sorted(unknown))} means nothing here")
    values = dict(data)
    values["steps"] = tuple(_parse_step(at, step) for at, step in enumerate(data.get("steps", ()), start=1))
    if "codecs" in values:
        values["codecs"] = tuple(values["codecs"])
    if values.get("record") is not None:
        values["record"] = Path(values["record"])
    try:
        values["on_transfer"] = OnTransfer(values.get("on_transfer", OnTransfer.ACCEPT))
        return CallScript(**values)
    except (TypeError, ValueError) as error:
        raise ScriptError(f"script: {error}") from error


def _parse_step(at: int, data: Mapping[str, Any]) -> Step:
    names = [name for name in data if name in _STEPS]
    if len(names) != 1:
        raise ScriptError(f"step {at}: name exactly one of {', '.join(_STEPS)}, got {', '.join(data) or 'nothing'}")
    (name,) = names
    kind = _STEPS[name]
    wanted = [item.name for item in fields(kind)]
    options = {key: value for key, value in data.items() if key != name}
    if wanted:
        options[wanted[0]] = Path(data[name]) if kind is Play else data[name]
    try:
        return kind(**options)
    except TypeError as error:
        raise ScriptError(f"step {at} ({name}): {error}") from error


def script_json(script: CallScript) -> dict[str, Any]:
    """The JSON object `parse_script` reads back."""
    data: dict[str, Any] = {}
    for item in fields(script):
        value = getattr(script, item.name)
        if item.name == "steps":
            data["steps"] = [_step_json(step) for step in cast(tuple[Step, ...], value)]
        elif isinstance(value, Path):
            data[item.name] = str(value)
        elif isinstance(value, Mapping):
            data[item.name] = dict(value)
        else:
            data[item.name] = list(value) if isinstance(value, tuple) else value
    return data


def _step_json(step: Step) -> dict[str, Any]:
    values = {item.name: getattr(step, item.name) for item in fields(step)}
    if not values:
        return {step_name(step): True}
    first = next(iter(values))
    value = values.pop(first)
    return {step_name(step): str(value) if isinstance(value, Path) else value, **values}
