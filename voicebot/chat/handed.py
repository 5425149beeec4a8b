"""Chats that were handed over: those that wait for an agent, and those that have one. The state server keeps them, so that
customer and agent may be in different processes, and either of them may come back in another one.

What is kept of the words is redacted. The words themselves only pass through, see `voicebot.state.relay`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeVar, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from dialogs.wire import Codec, Instant, WireError
from voicebot.errors import StateError, VoicebotError, code_of
from voicebot.redaction import redact_text
from voicebot.state.relay import CHANNEL, Relay
from voicebot.state.shared import PREFIX, SharedState

T = TypeVar("T")
Side = Literal["customer", "agent"]

OVER_S = 120.0
"""So long it is known of a chat that it is over, and how."""
_TOKEN_OCTETS = 24
_AGAIN_S = (0.1, 0.3, 0.6)
_MOST_LINES = 5000
_SAID_AGAIN = 50
"""So many lines back a line is looked for that is said again."""
_INDEX = f"{PREFIX}chats"

_log = structlog.get_logger(__name__)


def new_token() -> str:
    """A secret that cannot be guessed: who has it is the customer, or the agent, of one chat."""
    return secrets.token_urlsafe(_TOKEN_OCTETS)


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer, asked for again some times: a state server that is slow for a moment is no reason to send anybody away.

    Raises StateError.
    """
    for pause in _AGAIN_S:
        try:
            return await ask()
        except StateError:
            await asyncio.sleep(pause)
    return await ask()


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


class ChatError(VoicebotError):
    """Something cannot be done with a chat that was handed over."""

    code = "chat.failed"


class ChatOver(ChatError):
    """The chat is over, or never was."""

    code = "chat.over"


class NotYours(ChatError):
    """Another agent has the chat, or another process has its customer."""

    code = "chat.taken"


class TooManyLines(ChatError):
    """The chat has as many lines as one may have."""

    code = "chat.too_many_lines"


@dataclass(frozen=True, slots=True)
class HandedChat:
    """One chat, as long as it is not over."""

    ref: str
    """The hand-off's."""
    call_id: str
    queue: str
    priority: int
    language: str
    intent: str | None
    since: Instant
    """When it was handed over."""
    resume: str
    """Hash of the token with which the customer comes back."""
    keeps_words: bool = True
    """What is written goes into the record."""

    def is_customer(self, token: str) -> bool:
        """Whether who has this token is its customer."""
        return hmac.compare_digest(hash_of(token), self.resume)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the conversation as it is kept: redacted."""

    who: Literal["bot", "you", "agent"]
    """"you" is the customer: the page's own word."""
    text: str
    language: str = ""
    id: str = ""
    """The page's name for what was written on it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one side tells the other: said, typing, taken, left, moved, away, back, over."""

    what: str
    who: str = ""
    """customer or agent."""
    text: str = ""
    """The words as they were written; with `over` how it ended."""
    name: str = ""
    """The agent's."""
    number: int = 0
    """Of the line that was kept, from 1; 0 for what is none."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a chat stands."""

    chat: HandedChat | None
    """None: over, or never was."""
    over: str = ""
    """How it ended, while that is known."""
    claim: str = ""
    agent: str | None = None
    """The name of the agent who has it; None while it waits."""
    customer: bool = False
    """The customer is connected, or may still come back."""
    lines: int = 0


chat_codec = Codec(HandedChat)
_line_codec = Codec(Line)
_told_codec = Codec(Told)

# All that must not come between two of its own steps is one script. KEYS: chat, agent, customer, lines.
_SAY = """
local chat = redis.call('GET', KEYS[1])
if not chat or string.sub(chat, 1, 1) ~= '{' then return -1 end
if ARGV[1] ~= '' and string.match(redis.call('GET', KEYS[2]) or '', '^[^ ]*') ~= ARGV[1] then return -2 end
local length = redis.call('LLEN', KEYS[4])
if ARGV[8] ~= '' then
  local last = redis.call('LRANGE', KEYS[4], -tonumber(ARGV[10]), -1)
  for at = #last, 1, -1 do
    local read, line = pcall(cjson.decode, last[at])
    if read and line.id == ARGV[8] and line.who == ARGV[9] then return length - #last + at end
  end
end
if length >= tonumber(ARGV[5]) then return -3 end
local number = redis.call('RPUSH', KEYS[4], ARGV[2])
redis.call('PEXPIRE', KEYS[4], ARGV[4])
redis.call('PUBLISH', ARGV[3], ARGV[6] .. ' ' .. number .. ' ' .. ARGV[7])
return number
"""
_TAKE = """
local chat = redis.call('GET', KEYS[1])
if not chat or string.sub(chat, 1, 1) ~= '{' or redis.call('EXISTS', KEYS[3]) == 0 then return -1 end
local agent = redis.call('GET', KEYS[2])
if agent then
  local claim = string.match(agent, '^[^ ]*')
  if claim ~= ARGV[1] and claim ~= ARGV[4] then return -2 end
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
"""
_KEEP_AGENT = """
local chat = redis.call('GET', KEYS[1])
if not chat or string.sub(chat, 1, 1) ~= '{' then return -1 end
if string.match(redis.call('GET', KEYS[2]) or '', '^[^ ]*') ~= ARGV[1] then return -2 end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
"""
_GIVE_BACK = """
if string.match(redis.call('GET', KEYS[2]) or '', '^[^ ]*') ~= ARGV[1] then return -2 end
if ARGV[2] ~= '' then
  local chat = redis.call('GET', KEYS[1])
  if not chat or string.sub(chat, 1, 1) ~= '{' then return -1 end
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
end
redis.call('DEL', KEYS[2])
return 1
"""
_KEEP_CUSTOMER = """
local chat = redis.call('GET', KEYS[1])
if not chat or string.sub(chat, 1, 1) ~= '{' then return -1 end
local owner = redis.call('GET', KEYS[3])
if owner and owner ~= ARGV[1] then return -2 end
if ARGV[4] == '1' then redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[4], ARGV[3])
return 1
"""


class HandedChats:
    """All chats that were handed over, in all processes. What has to ask the state server raises StateError while it is away."""

    def __init__(self, shared: SharedState, relay: Relay, *, lease_s: float = 15.0, resume_s: float = 60.0) -> None:
        """`lease_s`: an agent who is heard nothing of has lost the chat. `resume_s`: so long a customer may be away."""
        self._shared = shared
        self.relay = relay
        self._lease_ms = int(lease_s * 1000)
        self._resume_ms = int(resume_s * 1000)
        self._life_ms = self._resume_ms + int(OVER_S * 1000)
        self.counted: list[tuple[tuple[str], float]] = []
        """Chats that wait, by queue, as last counted."""

    @property
    def lease_s(self) -> float:
        """See `__init__`."""
        return self._lease_ms / 1000

    @property
    def resume_s(self) -> float:
        """See `__init__`."""
        return self._resume_ms / 1000

    # ------------------------------------------------------------------ the customer's side

    async def put(self, chat: HandedChat, lines: Sequence[Line], owner: str) -> None:
        """From now on it waits; `owner` is the session that holds its customer."""
        main, _, customer, kept = _keys(chat.ref)
        texts = [_line_text(line) for line in lines]

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.set(main, chat_codec.to_text(chat), px=self._life_ms)
                pipeline.set(customer, owner, px=self._resume_ms)
                if texts:
                    pipeline.rpush(kept, *texts)
                    pipeline.pexpire(kept, self._life_ms)
                pipeline.zadd(_INDEX, {chat.ref: chat.since.timestamp()})
                await pipeline.execute()

        await self._shared.ask(write)

    async def keep_customer(self, ref: str, owner: str, *, here: bool) -> None:
        """The session still holds the customer, who is `here` or away for a moment. Raises ChatOver, NotYours: the customer came
        back elsewhere.
        """
        await self._run(_KEEP_CUSTOMER, ref, owner, self._resume_ms, self._life_ms, "1" if here else "0")

    async def come_back(self, ref: str, token: str, owner: str) -> HandedChat:
        """The customer is in this session from now on, and no more in any other. Raises ChatOver also for a wrong token."""
        look = await self.look(ref)
        if look.chat is None or not look.chat.is_customer(token):
            raise ChatOver("no such chat")
        customer = _keys(ref)[2]

        async def write(redis: Redis) -> None:
            await redis.set(customer, owner, px=self._resume_ms)

        await self._shared.ask(write)
        await self.keep_customer(ref, owner, here=True)
        return look.chat

    # ------------------------------------------------------------------ the agent's side

    async def take(self, ref: str, claim: str, name: str, *, before: str = "") -> None:
        """The chat is this agent's, until the lease ends or is kept. Who has the claim `before` goes on with the new one; the old
        one is worth nothing from then on. Raises ChatOver, NotYours.
        """
        await self._run(_TAKE, ref, claim, f"{claim} {name}", self._lease_ms, before)

    async def keep_agent(self, ref: str, claim: str) -> None:
        """The agent is still there. Raises ChatOver, NotYours."""
        await self._run(_KEEP_AGENT, ref, claim, self._lease_ms)

    async def give_back(self, chat: HandedChat, claim: str, *, queue: str = "") -> None:
        """The chat waits again, in another queue if one is given; its place is kept. Raises ChatOver, NotYours."""
        moved = chat_codec.to_text(replace(chat, queue=queue)) if queue else ""
        await self._run(_GIVE_BACK, chat.ref, claim, moved)

    # ------------------------------------------------------------------ both

    async def say(self, ref: str, side: Side, text: str, *, kept: str = "", claim: str = "", id: str = "") -> int:
        """Pass words on as they were written, and keep them redacted, as `kept` if it is given; the number of the line. With the
        `id` of one of the last lines of this side they are that line, said again because no answer came. Raises ChatOver,
        NotYours, TooManyLines.
        """
        line = Line("you" if side == "customer" else "agent", redact_text(kept or text), id=id)
        told = _told_codec.to_text(Told("said", side, text))
        again = (id, line.who, _SAID_AGAIN)
        return await self._run(_SAY, ref, claim, _line_text(line), CHANNEL, self._life_ms, _MOST_LINES, ref, told, *again)

    async def tell(self, ref: str, told: Told) -> None:
        """Tell the other side at once what need not be kept. Never raises: whoever missed it finds out by looking."""

        async def publish(redis: Redis) -> None:
            await redis.publish(CHANNEL, _message(ref, told))

        try:
            await self._shared.ask(publish)
        except StateError:
            return

    async def end(self, ref: str, how: str) -> None:
        """The chat is over: what was written is forgotten here, how it ended is known for a while. Never raises: what cannot be
        told now is told later.
        """
        main, *others = _keys(ref)

        def write(pipeline: Pipeline) -> None:
            pipeline.set(main, how, px=int(OVER_S * 1000))
            pipeline.delete(*others)
            pipeline.zrem(_INDEX, ref)
            pipeline.publish(CHANNEL, _message(ref, Told("over", text=how)))

        async def now(redis: Redis) -> None:
            async with redis.pipeline(transaction=True) as pipeline:
                write(pipeline)
                await pipeline.execute()

        try:
            await self._shared.ask(now)
        except StateError:
            self._shared.write_later(main, write)

    async def look(self, ref: str) -> Look:
        """How it stands."""
        return (await self._look([ref]))[0]

    async def lines(self, ref: str, after: int = 0) -> list[Line]:
        """The lines after this number, redacted, in order."""
        kept = _keys(ref)[3]

        async def read(redis: Redis) -> list[str]:
            return cast("list[str]", await cast("Any", redis.lrange(kept, after, -1)))

        return [_readable_line(text) for text in await self._shared.ask(read)]

    async def everywhere(self) -> list[Look]:
        """All that are not over and whose customer is there, the most urgent and then the longest waiting first."""

        async def read(redis: Redis) -> list[str]:
            return cast("list[str]", await redis.zrange(_INDEX, 0, -1))

        refs = await self._shared.ask(read)
        looks = await self._look(refs) if refs else []
        gone = [ref for ref, look in zip(refs, looks, strict=True) if look.chat is None]
        if gone:  # their process ended without a word

            def forget(pipeline: Pipeline) -> None:
                pipeline.zrem(_INDEX, *gone)

            self._shared.write_later(_INDEX, forget)
        there = [look for look in looks if look.chat is not None and look.customer]
        return sorted(there, key=_urgency)

    async def count(self, queues: Iterable[str]) -> None:
        """Count those that wait, for `counted`. Never raises."""
        try:
            looks = await self.everywhere()
        except StateError:
            return
        waiting = Counter(look.chat.queue for look in looks if look.chat is not None and look.agent is None)
        self.counted = [((queue,), float(waiting[queue])) for queue in sorted({*queues, *waiting})]

    async def _look(self, refs: Iterable[str]) -> list[Look]:
        wanted = list(refs)

        async def read(redis: Redis) -> list[Any]:
            async with redis.pipeline(transaction=True) as pipeline:
                for ref in wanted:
                    main, agent, customer, kept = _keys(ref)
                    pipeline.get(main)
                    pipeline.get(agent)
                    pipeline.exists(customer)
                    pipeline.llen(kept)
                return await pipeline.execute()

        answers = await self._shared.ask(read)
        return [_seen(*answers[at : at + 4]) for at in range(0, len(answers), 4)]

    async def _run(self, script: str, ref: str, *arguments: str | int) -> int:
        keys = _keys(ref)

        async def run(redis: Redis) -> int:
            return int(await cast("Any", redis.eval(script, len(keys), *keys, *map(str, arguments))))

        answer = await self._shared.ask(run)
        match answer:
            case -1:
                raise ChatOver("the chat is over")
            case -2:
                raise NotYours("somebody else has the chat")
            case -3:
                raise TooManyLines(f"a chat has {_MOST_LINES} lines at most")
        return answer


def heard(message: str) -> Told | None:
    """What the relay passed on; None for what a process of another version wrote."""
    number, _, told = message.partition(" ")
    try:
        return replace(_told_codec.from_text(told), number=int(number))
    except (WireError, ValueError) as error:
        _log.warning("what was told of a chat cannot be read", code=code_of(error))
        return None


def _urgency(look: Look) -> tuple[int, float]:
    return (-look.chat.priority, look.chat.since.timestamp()) if look.chat is not None else (0, 0.0)


def _message(ref: str, told: Told) -> str:
    return f"{ref} 0 {_told_codec.to_text(told)}"


def _seen(main: str | None, agent: str | None, customer: int, lines: int) -> Look:
    if main is None or not main.startswith("{"):
        return Look(None, over=main or "")
    try:
        chat = chat_codec.from_text(main)
    except WireError as error:
        _log.error("a chat that was handed over cannot be read", code=error.code, why=str(error))
        return Look(None)
    claim, _, name = (agent or "").partition(" ")
    return Look(chat, claim=claim, agent=name if agent else None, customer=bool(customer), lines=lines)


def _line_text(line: Line) -> str:
    return _line_codec.to_text(line)


def _readable_line(text: str) -> Line:
    try:
        return _line_codec.from_text(text)
    except WireError:
        return Line("bot", "")  # it keeps its number


def _keys(ref: str) -> tuple[str, str, str, str]:
    main = f"{PREFIX}chat:{ref}"
    return main, f"{main}:agent", f"{main}:customer", f"{main}:lines"


def as_shown(look: Look, now: datetime) -> dict[str, Any]:
    """A chat as the desk's list has it."""
    chat = look.chat
    if chat is None:
        return {}
    return {
        "ref": chat.ref,
        "queue": chat.queue,
        "priority": chat.priority,
        "language": chat.language,
        "intent": chat.intent,
        "since": chat.since.isoformat(),
        "waited_s": max(0, round((now - chat.since).total_seconds())),
        "taken": look.agent is not None,
        "handoff": f"/api/handoffs/{chat.ref}",
    }
