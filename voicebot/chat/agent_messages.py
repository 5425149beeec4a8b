"""What an agent's desk may send, parsed at the edge."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voicebot.chat.messages import MessageRefused, id_in, json_object, one_line

_LONGEST_NAME = 60
_QUEUE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CLAIM = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True, slots=True)
class Take:
    """The agent takes the chat. `name` is what the customer sees; `claim` is an earlier one of the same agent, "" for none."""

    name: str
    claim: str = ""


@dataclass(frozen=True, slots=True)
class AgentSaid:
    """The agent wrote something: one line."""

    text: str
    id: str = ""
    """The desk's own name for it, "" for none: said again under the same name it is said once."""


@dataclass(frozen=True, slots=True)
class AgentTyping:
    """The agent is writing."""


@dataclass(frozen=True, slots=True)
class Here:
    """The desk asks whether the connection still lives."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """The chat goes to another queue."""

    queue: str


@dataclass(frozen=True, slots=True)
class GiveBack:
    """The chat goes back to its queue."""


@dataclass(frozen=True, slots=True)
class End:
    """The chat is over."""


AgentMessage = Take | AgentSaid | AgentTyping | Here | Transfer | GiveBack | End


def parse_agent_message(raw: str, max_chars: int) -> AgentMessage:
    """The message in this JSON object. Raises MessageRefused."""
    match json_object(raw):
        case {"type": "take", "name": str(name), "claim": str(claim)} if _CLAIM.fullmatch(claim):
            return Take(one_line(name, _LONGEST_NAME), claim)
        case {"type": "take", "name": str(name), **more} if "claim" not in more:
            return Take(one_line(name, _LONGEST_NAME))
        case {"type": "say", "text": str(text), **more}:
            return AgentSaid(one_line(text, max_chars), id_in(more))
        case {"type": "typing"}:
            return AgentTyping()
        case {"type": "here"}:
            return Here()
        case {"type": "transfer", "queue": str(queue)} if _QUEUE.fullmatch(queue):
            return Transfer(queue)
        case {"type": "give_back"}:
            return GiveBack()
        case {"type": "end"}:
            return End()
    raise MessageRefused(
        "bad_message", "send take with a name, say with a text, typing, here, transfer with a queue, give_back, or end"
    )
