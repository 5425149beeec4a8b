"""Lines of queue_log as events. Pure. See the Asterisk documentation, "Queue Logs": time|unique id|queue|member|event|data….

The log knows a call by its channel's unique id. The dialplan writes our reference beside it, before Queue():
`QueueLog(${QUEUE},${UNIQUEID},NONE,VOICEBOT,${HANDOFF_REF})`. Calls without that line are not ours.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from voicebot.outcomes.events import Event, How, What

_MOST_CALLS = 5000
_REF = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass
class Joined:
    """Which channel is which hand-off; the oldest are forgotten."""

    refs: dict[str, str] = field(default_factory=dict)
    """By unique id."""

    def learn(self, unique_id: str, ref: str) -> None:
        """A call that comes again, by another hand-off, is that one from now on."""
        if _REF.fullmatch(ref):
            self.refs.pop(unique_id, None)
            self.refs[unique_id] = ref
            while len(self.refs) > _MOST_CALLS:
                del self.refs[next(iter(self.refs))]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads lines."""

    joined: Joined
    queues: Mapping[str, str]
    """Our queue by the name, or extension, that Asterisk has for it. What stands in none is outside and is not told: it may be a
    telephone number.
    """
    pseudonym_key: bytes
    """Members are told as keyed hashes."""

    def read(self, line: str) -> Event | None:
        """The event of a line; None for one that is of no call of ours, tells nothing, or cannot be read."""
        parts = line.rstrip("\r\n").split("|")
        if len(parts) < 5:
            return None
        at, unique_id, queue, member, event, *data = parts
        if event == "VOICEBOT":
            self.joined.learn(unique_id, data[0] if data else "")
            return None
        ref, when = self.joined.refs.get(unique_id), _time(at)
        if ref is None or when is None:
            return None
        ours, agent = self.queues.get(queue), self._pseudonym(member)
        match event:
            case "ENTERQUEUE":
                return Event(ref, What.QUEUED, when, ours)
            case "CONNECT":
                return Event(ref, What.ANSWERED, when, ours, agent=agent)
            case "ABANDON" | "EXITWITHTIMEOUT" | "EXITWITHKEY" | "EXITEMPTY":
                # only who hung up has abandoned; the others go on to where the dialplan sends them
                return Event(ref, What.ABANDONED, when, ours) if event == "ABANDON" else None
            case "COMPLETEAGENT" | "COMPLETECALLER":
                return Event(ref, What.ENDED, when, ours, talk_s=_seconds(data, 1), agent=agent)
            case "BLINDTRANSFER" | "TRANSFER":
                return self._passed(ref, when, ours, agent, data, How.BLIND)
            case "ATTENDEDTRANSFER" if data and data[0] in ("BRIDGE", "APP", "LINK"):
                return self._passed(ref, when, ours, agent, data, How.ATTENDED)
        return None

    def _passed(self, ref: str, at: datetime, queue: str | None, agent: str | None, data: list[str], how: How) -> Event:
        """Where to: the extension, or the data of an attended transfer; hold time, talk time and position stand at the end."""
        to_queue = self.queues.get(data[0 if how is How.BLIND else 1]) if len(data) > 1 else None
        return Event(ref, What.PASSED_ON, at, queue, to_queue, how, _seconds(data, -2), agent=agent)

    def _pseudonym(self, member: str) -> str | None:
        if member in ("", "NONE"):
            return None
        digest = hmac.new(self.pseudonym_key, member.encode(), hashlib.sha256).hexdigest()[:16]
        return "agent-" + "".join(chr(ord("a") + int(digit, 16)) for digit in digest)  # letters: digits may look like a number


def _time(written: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(written), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _seconds(data: list[str], place: int) -> float | None:
    try:
        seconds = float(data[place])
    except (IndexError, ValueError):
        return None
    return seconds if 0 <= seconds <= 86_400 else None
