"""What the SIP stack says on the wire, read from its own trace.

The stack's Python binding reports calls, but neither where an INVITE came from nor how far a REFER got (202, then NOTIFY with a
message/sipfrag body, RFC 3515). Its message trace tells both. The trace is parsed here and goes no further than the debug log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from voicebot.endpoints.sip.bodies import info_key, is_read_by_stack

log = logging.getLogger(__name__)

_NATIVE_LOGGER = "baresip.native.sip"
_FIRST_LINE = re.compile(r"(?P<way>RX|TX) (?P<transport>\S+) (?P<source>\S+) -> (?P<target>\S+)\s*$")
_EVENT_ID = re.compile(r";\s*id=(\d{1,10})(?!\d)")
_STATUS_LINE = re.compile(r"SIP/2\.0 (?P<status>\d{3})")
_LONGEST_NUMBER = 11  # a CSeq has 31 bits (RFC 3261, 8.1.1.5)
_CALLS_KEPT = 2048
_FOLD = re.compile(r"\n[ \t]+")  # a header may go on in the next line (RFC 3261, 7.3.1)
# RFC 3261, 7.3.3; RFC 6665
_SHORT = {"i": "call-id", "t": "to", "f": "from", "c": "content-type", "l": "content-length", "o": "event"}
_LISTS = ("p-asserted-identity", "remote-party-id", "privacy", "diversion", "history-info")
Tap = Callable[[float, str, "SipMessage"], None]
"""Hears of every message: unix time, the stack's record of it, and what was read in it."""
HOLD_CONTENT = "application/x-voicebot-hold"
"""What our own app side sends by INFO, "on" or "off": a re-INVITE would make the stack begin ICE and DTLS anew."""


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One message seen on the wire: a request, or the response to `method`."""

    received: bool
    source: str
    """The sender's IP address."""
    call_id: str
    method: str
    cseq: int = 0
    """The transaction's number (RFC 3261, 20.16)."""
    status: int = 0
    """Of a response; 0 for a request."""
    progress: int = 0
    """Of a NOTIFY: the status inside its sipfrag body; 0 when there is none."""
    refer: int = 0
    """Of a NOTIFY: the number of the REFER it reports on (RFC 3515, 2.4.6); 0 when there is none."""
    key: str = ""
    """Of an INFO request: the key; "" when there is none."""
    unreported: bool = False
    """Whether the stack does not report this key."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """Of an INVITE: the identity headers that may stand several times, each whole, joined by commas (RFC 3261, 7.3.1)."""
    hold: bool | None = None
    """Of an INFO request of our own app side: whether the app holds the call; None when it says nothing of that."""

    def with_key(self, key: str) -> SipMessage:
        """The same, with a key that only this message tells of."""
        return replace(self, key=key, unreported=True)


@dataclass(frozen=True, slots=True)
class Invite:
    """What the trace tells of the INVITEs with one Call-ID."""

    sources: frozenset[str] = frozenset()
    """The IP addresses they came from: several, when a second sender has learned the Call-ID. Empty when nothing is known."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """Of the latest: see `SipMessage`."""


def parse_trace(text: str) -> SipMessage | None:
    """The message in one record of the stack's trace; None when it is none, or damaged."""
    first, _, message = text.partition("\n")
    way = _FIRST_LINE.match(first)
    if way is None:
        return None
    head, whole, body = message.replace("\r\n", "\n").partition("\n\n")
    source = way["source"].rpartition(":")[0].strip("[]")
    return parse_message(head, body, received=way["way"] == "RX", source=source, whole=bool(whole))


def header_values(head: str) -> dict[str, str]:
    """The headers of a message, by lower-case names, long ones for the short; of one that stands several times the first."""
    return _headers(head)[0]


def parse_message(head: str, body: str, *, received: bool, source: str, whole: bool = True) -> SipMessage:
    """A message; not `whole`: its head was cut off."""
    start = head.partition("\n")[0]
    headers, lists = _headers(head)
    response = _STATUS_LINE.match(start)
    number, _, method = headers.get("cseq", "").partition(" ")
    fragment = _STATUS_LINE.match(body.lstrip()) if method == "NOTIFY" and not response else None
    event = _EVENT_ID.search(headers.get("event", ""))
    content = headers.get("content-type", "")
    is_info = method.strip() == "INFO" and not response
    is_hold = is_info and content.lower() == HOLD_CONTENT
    return SipMessage(
        received=received,
        source=source,
        call_id=headers.get("call-id", ""),
        method=method.strip(),
        cseq=int(number) if number.isdecimal() and len(number) < _LONGEST_NUMBER else 0,
        status=int(response["status"]) if response else 0,
        progress=int(fragment["status"]) if fragment else 0,
        refer=int(event[1]) if event else 0,
        key=info_key(content, body.encode()) if is_info and is_read_by_stack(content, body.encode()) else "",
        lists=lists if method.strip() == "INVITE" and not response and whole else {},  # a header cut off would be another number
        hold=body.strip() == "on" if is_hold else None,
    )


def _headers(head: str) -> tuple[dict[str, str], dict[str, str]]:
    """All headers, and those that may stand several times (`_LISTS`), each joined."""
    headers: dict[str, str] = {}
    lists: dict[str, str] = {}
    for line in _FOLD.sub(" ", head.replace("\r\n", "\n")).split("\n")[1:]:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        name = _SHORT.get(name, name)
        if colon:
            headers.setdefault(name, value)
            if name in _LISTS:
                lists[name] = f"{lists[name]}, {value}" if name in lists else value
    return headers, lists


class SipTrace(logging.Handler):
    """Takes the stack's trace, remembers who sent each INVITE, and tells watchers of a call what came in for it.

    Records arrive on the stack's log thread; watchers are called on the event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.DEBUG)
        self._loop = loop
        self.taps: tuple[Tap, ...] = ()
        """Called on the stack's log thread."""
        self._logger = logging.getLogger(_NATIVE_LOGGER)
        self._invites: OrderedDict[str, Invite] = OrderedDict()
        self._asked: OrderedDict[str, None] = OrderedDict()
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._watchers: dict[str, list[Callable[[SipMessage], None]]] = {}
        self._texts: dict[str, Callable[[bytes], None]] = {}
        self._texts_before: OrderedDict[str, None] = OrderedDict()

    def attach(self) -> None:
        """Take the trace over from logging: messages carry numbers and bodies."""
        self._logger.setLevel(logging.DEBUG)
        self._logger.propagate = False
        self._logger.addHandler(self)

    def detach(self) -> None:
        """Give the trace back."""
        self._logger.removeHandler(self)
        self._logger.propagate = True
        self._logger.setLevel(logging.NOTSET)

    def emit(self, record: logging.LogRecord) -> None:
        """LOG THREAD. Parse here, hand over to the loop. One record that cannot be read must not end the trace."""
        try:
            text = record.getMessage()
            log.debug("%s", text)
            message = parse_trace(text)
        except Exception:
            log.exception("a record of the SIP trace cannot be read")
            return
        if message is not None:
            self._tapped(record.created, text, message)
            take = self._texts.get(message.call_id) if message.received else None
            if take is not None:
                with contextlib.suppress(RuntimeError):  # as in `take`
                    self._loop.call_soon_threadsafe(take, text.partition("\n")[2].encode())
            self.take(message)

    def take(self, message: SipMessage) -> None:
        """ANY THREAD. A message that was seen, here or elsewhere."""
        if message.call_id:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the service has stopped
                self._loop.call_soon_threadsafe(self._take, message)

    def _tapped(self, at: float, text: str, message: SipMessage) -> None:
        for tap in self.taps:
            try:
                tap(at, text, message)
            except Exception:  # a copy less; the call goes on
                log.exception("a copy of the SIP trace failed")

    async def invite(self, call_id: str, timeout_s: float = 0.5) -> Invite:
        """The INVITEs with this Call-ID. Nothing is known when the trace does not tell in time, nor of a second call with the
        same one: what is known may be of the first, while the trace of the second is still on its way.
        """
        if call_id in self._asked:
            return Invite()
        self._asked[call_id] = None
        while len(self._asked) > _CALLS_KEPT:
            self._asked.popitem(last=False)
        if call_id not in self._invites:
            future = self._waiting.setdefault(call_id, self._loop.create_future())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(future), timeout_s)
            self._waiting.pop(call_id, None)
        return self._invites.get(call_id, Invite())

    def watch_text(self, call_id: str, take: Callable[[bytes], None]) -> None:
        """Call `take` with every message received with this Call-ID, until `unwatch_text`: answers to requests of our own."""
        self._texts[call_id] = take

    def watches_text(self, call_id: str) -> bool:
        """ANY THREAD. Whether somebody waits for it, or did just now: the stack may look at a message after its trace."""
        return call_id in self._texts or call_id in self._texts_before

    def unwatch_text(self, call_id: str) -> None:
        """Stop; an unknown one is ignored."""
        if self._texts.pop(call_id, None) is not None:
            self._texts_before[call_id] = None
            while len(self._texts_before) > _CALLS_KEPT:
                self._texts_before.popitem(last=False)

    def watch(self, call_id: str, watcher: Callable[[SipMessage], None]) -> None:
        """Call `watcher` with every message sent or received for the call, until `unwatch`."""
        self._watchers.setdefault(call_id, []).append(watcher)

    def unwatch(self, call_id: str, watcher: Callable[[SipMessage], None]) -> None:
        """Stop telling this watcher; unknown ones are ignored."""
        watchers = [other for other in self._watchers.pop(call_id, ()) if other != watcher]
        if watchers:
            self._watchers[call_id] = watchers

    def _take(self, message: SipMessage) -> None:
        if message.method == "INVITE" and message.received and not message.status:
            before = self._invites.get(message.call_id, Invite())
            self._invites[message.call_id] = Invite(before.sources | {message.source}, message.lists or before.lists)
            while len(self._invites) > _CALLS_KEPT:
                self._invites.popitem(last=False)
            waiting = self._waiting.get(message.call_id)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
        for watcher in tuple(self._watchers.get(message.call_id, ())):
            try:
                watcher(message)
            except Exception:  # the trace goes on for the others
                log.exception("a watcher of the SIP trace failed")
