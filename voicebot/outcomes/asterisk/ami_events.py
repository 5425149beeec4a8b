"""Events of the manager interface as lines of queue_log, and what those lack. Pure.

See the Asterisk documentation, "AMI Events"; the order and traps are those of 22.10.1:

- our reference is the channel variable HANDOFF_REF of the caller (`channelvars` in manager.conf), or of the call it is linked to;
- `AgentComplete` with the reason "transfer" follows at once on `BlindTransfer` and `AttendedTransfer`, and only it says that an
  agent of a queue did it. An attended one that failed, or became a conference, has another reason;
- an agent who asks a colleague first does so on a leg of their own, which waits in the colleague's queue as callers do. It is
  the caller's from the transfer on;
- a phone's own attended transfer ends the agent's second leg just before it is told: the colleague is known as the one whom that
  leg's queue had called, and app_queue says nothing of them any more: then `Hangup` is the end;
- `AgentComplete` names no channel when the caller is already gone: then `Hangup` is the end.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from voicebot.outcomes.asterisk.queue_log import Joined

_MOST_LEGS = 5000
_LONGEST_FIELD = 128
_REF = "chanvariable(handoff_ref)"
_TRANSFERRED = ("Bridge", "App", "Link")
_AFTER_S = 0.001
"""A colleague who had answered before the transfer speaks with the caller from then on: the answer stands behind it."""


class _Stage(Enum):
    NEW = auto()
    WAITING = auto()
    SPEAKING = auto()
    DONE = auto()


@dataclass(slots=True)
class _Passing:
    """A transfer that app_queue has not confirmed yet."""

    at: float
    event: str
    """BLINDTRANSFER|extension or ATTENDEDTRANSFER|how|queue."""
    legs: tuple[str, ...] = ()
    """Unique ids of what the caller speaks by from then on."""
    target: str = ""
    """The unique id of whom the agent asked."""


@dataclass(slots=True)
class _Leg:
    """A channel that was seen in a queue."""

    channel: str = ""
    ref: str = ""
    queue: str = ""
    member: str = ""
    """Of the queue, who answered last."""
    agent: str = ""
    """The unique id of their channel."""
    stage: _Stage = _Stage.NEW
    at: float = 0.0
    """Since when it waits, or speaks."""
    passing: _Passing | None = None


class Journal:
    """Turns events into lines, in the order in which they come."""

    def __init__(self, queues: Collection[str]) -> None:
        """`queues` are the names and extensions that are known: where else a call goes may be a customer's number."""
        self._queues = queues
        self._legs: dict[str, _Leg] = {}
        self._refs = Joined()
        """By unique id."""
        self._linked = Joined()
        """By linked id."""
        self._speaking: dict[str, str] = {}
        """By reference, the unique id of the leg that speaks with an agent."""

    def replay(self, line: str) -> None:
        """Know again what an earlier process wrote."""
        parts = line.rstrip("\n").split("|")
        if len(parts) < 5 or (at := _number(parts[0])) is None:
            return
        _, unique_id, queue, member, event, *data = parts
        if event == "VOICEBOT":
            self._refs.learn(unique_id, data[0] if data else "")
        leg = self._leg(unique_id)
        leg.ref = self._refs.refs.get(unique_id, "")
        match event:
            case "ENTERQUEUE":
                leg.stage, leg.queue, leg.at = _Stage.WAITING, queue, at
            case "CONNECT":
                self._speaks(unique_id, leg, member, at)
                leg.queue, leg.agent = queue, data[1] if len(data) > 1 else ""
            case "ABANDON" | "COMPLETEAGENT" | "COMPLETECALLER" | "BLINDTRANSFER" | "ATTENDEDTRANSFER":
                self._done(unique_id, leg)

    def lines(self, told: Mapping[str, str], received: float) -> list[str]:
        """What an event comes to. `received` is the time, in seconds of Unix, where the event has none (`timestampevents`)."""
        at = _number(told.get("timestamp", ""))
        at = received if at is None else at
        self._linked.learn(told.get("linkedid", ""), told.get(_REF, ""))
        match told.get("event"):
            case "QueueCallerJoin":
                return self._joined(told, at)
            case "AgentConnect":
                return self._connected(told, at)
            case "AgentComplete":
                return self._completed(told, at)
            case "QueueCallerAbandon":
                return self._abandoned(told, at)
            case "BlindTransfer" if told.get("result") == "Success":
                self._passing(told, _Passing(at, f"BLINDTRANSFER|{self._known(told.get('extension', ''))}"))
            case "AttendedTransfer" if told.get("result") == "Success" and told.get("desttype") in _TRANSFERRED:
                self._attended(told, at)
            case "Hangup":
                return self._hung_up(told, at)
        return []

    def _joined(self, told: Mapping[str, str], at: float) -> list[str]:
        unique_id, leg = self._of(told)
        if leg is None:
            return []
        lines = self._adopt(told, unique_id, leg, at)
        leg.channel, leg.queue = told.get("channel", ""), _field(told.get("queue", ""))
        leg.stage, leg.at, leg.passing = _Stage.WAITING, at, None
        return [*lines, _line(at, unique_id, leg.queue, "NONE", "ENTERQUEUE")]

    def _connected(self, told: Mapping[str, str], at: float) -> list[str]:
        hold = _seconds(told, "holdtime")
        unique_id, leg = self._of(told)
        if leg is None:
            return []
        lines = [] if leg.stage is _Stage.WAITING else self._joined(told, at - hold)  # nobody heard it: the connection was away
        self._speaks(unique_id, leg, _field(told.get("interface", "")), at)
        leg.agent = _field(told.get("destuniqueid", ""))
        return [*lines, _line(at, unique_id, leg.queue, leg.member, f"CONNECT|{hold:g}|{leg.agent}")]

    def _completed(self, told: Mapping[str, str], at: float) -> list[str]:
        hold, talk = _seconds(told, "holdtime"), _seconds(told, "talktime")
        unique_id, leg = self._of(told)
        if leg is None or leg.stage is _Stage.DONE:
            return []
        passing, lines = leg.passing, []
        if leg.stage is not _Stage.SPEAKING:  # as above
            lines = self._connected(told, at - talk)
        queue, member, ref = leg.queue, leg.member, leg.ref
        self._done(unique_id, leg)
        if told.get("reason") != "transfer":
            event = "COMPLETECALLER" if told.get("reason") == "caller" else "COMPLETEAGENT"
            return [*lines, _line(at, unique_id, queue, member, f"{event}|{hold:g}|{talk:g}|1")]
        if passing is None:  # nobody heard the transfer
            return lines
        lines.append(_line(passing.at, unique_id, queue, member, f"{passing.event}|{hold:g}|{talk:g}|1"))
        return lines + self._goes_on(unique_id, ref, passing)

    def _abandoned(self, told: Mapping[str, str], at: float) -> list[str]:
        hold = _seconds(told, "holdtime")
        unique_id, leg = self._of(told)
        if leg is None:
            return []
        lines = [] if leg.stage is _Stage.WAITING else self._joined(told, at - hold)
        self._done(unique_id, leg)
        return [*lines, _line(at, unique_id, leg.queue, "NONE", f"ABANDON|1|1|{hold:g}")]

    def _attended(self, told: Mapping[str, str], at: float) -> None:
        """The two legs of the agent: the first spoke with the caller, the second asks. Asterisk's own keys have one for both."""
        first, second = told.get("origtransfereruniqueid", ""), told.get("secondtransfereruniqueid", "")
        target = told.get("transfertargetchannel", "")
        others = [told.get(name, "") for name in ("transfertargetuniqueid", "localoneuniqueid", "localtwouniqueid")]
        if second != first:
            others.insert(0, second)
        if target[-2:] in (";1", ";2"):  # two halves of a Local channel: the other one waits in the queue
            half = target[:-1] + ("2" if target.endswith("1") else "1")
            others += [unique_id for unique_id, leg in self._legs.items() if leg.channel == half]
        legs = tuple(dict.fromkeys(_field(each) for each in others if each))
        asked = [leg.queue for each in legs if (leg := self._legs.get(each)) is not None and leg.queue]
        dialled = [told.get("secondtransfererexten", "")] if second != first else []
        wheres = [*asked, *dialled, told.get("transfertargetexten", "")]
        where = next((each for each in wheres if each in self._queues), "")
        self._passing(told, _Passing(at, f"ATTENDEDTRANSFER|BRIDGE|{where}", legs, told.get("transfertargetuniqueid", "")))

    def _passing(self, told: Mapping[str, str], passing: _Passing) -> None:
        if unique_id := _field(told.get("transfereeuniqueid", "")):
            self._leg(unique_id).passing = passing

    def _goes_on(self, caller: str, ref: str, passing: _Passing) -> list[str]:
        """The legs by which the caller speaks now are known by our reference."""
        lines, after = [], passing.at + _AFTER_S
        for unique_id in passing.legs if ref else ():
            leg = self._leg(unique_id)
            if leg.stage is _Stage.DONE and leg.agent and leg.agent == passing.target:
                mine = self._leg(caller)
                mine.queue = leg.queue
                self._speaks(caller, mine, leg.member, after)
                lines.append(_line(after, caller, leg.queue, leg.member, f"CONNECT|0|{leg.agent}"))
                continue
            leg.ref = ref
            self._refs.learn(unique_id, ref)
            lines.append(_line(passing.at, unique_id, "NONE", "NONE", f"VOICEBOT|{ref}"))
            if leg.stage is _Stage.SPEAKING:
                self._speaking[ref] = unique_id
                lines.append(_line(after, unique_id, leg.queue, leg.member, f"CONNECT|0|{leg.agent}"))
        return lines

    def _hung_up(self, told: Mapping[str, str], at: float) -> list[str]:
        unique_id = _field(told.get("uniqueid", ""))
        leg = self._legs.get(unique_id)
        if leg is None or leg.stage is not _Stage.SPEAKING:
            return []
        queue, member, talk = leg.queue, leg.member, max(0.0, at - leg.at)
        self._done(unique_id, leg)
        return [_line(at, unique_id, queue, member, f"COMPLETECALLER|0|{talk:.0f}|1")]

    def _of(self, told: Mapping[str, str]) -> tuple[str, _Leg | None]:
        """The leg that an event is of; an event may name none."""
        unique_id = _field(told.get("uniqueid", ""))
        return unique_id, self._leg(unique_id) if unique_id else None

    def _adopt(self, told: Mapping[str, str], unique_id: str, leg: _Leg, at: float) -> list[str]:
        """Learn whose leg it is. One that waits while the same call speaks with an agent is the agent's who asks a colleague."""
        ref = told.get(_REF) or self._refs.refs.get(unique_id) or self._linked.refs.get(told.get("linkedid", ""), "")
        if not ref or self._speaking.get(ref, unique_id) != unique_id:
            return []
        self._refs.learn(unique_id, ref)
        if leg.ref == ref or self._refs.refs.get(unique_id) != ref:
            return []
        leg.ref = ref
        return [_line(at, unique_id, "NONE", "NONE", f"VOICEBOT|{ref}")]

    def _leg(self, unique_id: str) -> _Leg:
        leg = self._legs.get(unique_id)
        if leg is None:
            leg = self._legs[unique_id] = _Leg(ref=self._refs.refs.get(unique_id, ""))
            while len(self._legs) > _MOST_LEGS:
                forgotten = self._legs.pop(next(iter(self._legs)))
                self._speaking.pop(forgotten.ref, None)
        return leg

    def _speaks(self, unique_id: str, leg: _Leg, member: str, at: float) -> None:
        leg.stage, leg.member, leg.at = _Stage.SPEAKING, member, at
        if leg.ref:
            self._speaking[leg.ref] = unique_id

    def _done(self, unique_id: str, leg: _Leg) -> None:
        leg.stage = _Stage.DONE
        if self._speaking.get(leg.ref) == unique_id:
            del self._speaking[leg.ref]

    def _known(self, extension: str) -> str:
        return extension if extension in self._queues else ""


def _line(at: float, unique_id: str, queue: str, member: str, event: str) -> str:
    return f"{at:.6f}|{unique_id}|{queue}|{member or 'NONE'}|{event}\n"


def _field(said: str) -> str:
    return said.replace("|", "_")[:_LONGEST_FIELD]


def _number(said: str) -> float | None:
    try:
        number = float(said)
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number < 1e11 else None


def _seconds(told: Mapping[str, str], name: str) -> float:
    number = _number(told.get(name, ""))
    return number if number is not None and number <= 86_400 else 0.0
