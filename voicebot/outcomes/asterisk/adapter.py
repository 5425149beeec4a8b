"""Reads queue_log and tells the API, again until it has it. The API counts an event once, however often it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import structlog

from voicebot.handoff.webhook import backoff
from voicebot.outcomes.asterisk.queue_log import Joined, Reader
from voicebot.outcomes.asterisk.tail import Place, lines_after
from voicebot.outcomes.events import LATEST, Event
from voicebot.pace import Pace

LOOK_EVERY_S = 1.0
_LONGEST_TRY = 6
_IN_VAIN = LATEST + timedelta(hours=1)
"""The API takes nothing so old, also where the clocks differ: it is not asked."""

log = structlog.get_logger(__name__)


class Adapter:
    """`run` follows the log until it is cancelled."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        log_file: Path,
        place_file: Path,
        queues: Mapping[str, str],
        pseudonym_key: bytes,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`client` has the base address of the API and the token. `place_file` keeps how far the log was read."""
        self._client = client
        self._log_file = log_file
        self._place_file = place_file
        self._queues = queues
        self._key = pseudonym_key
        self._pause = pause
        self._clock = clock
        self._pace: Pace | None = None
        """Of what had waited; None when all is read."""
        self._late = 0

    async def run(self) -> None:
        """Look again and again."""
        while True:
            try:
                again = await self.look()
            except OSError as error:
                log.warning("the log of queues cannot be read", code="queue_events.log", why=error.strerror)
                again = False
            if not again:
                await self._pause(LOOK_EVERY_S)

    async def look(self) -> bool:
        """Tell what is new; False when nothing was. What was told is not told again after a restart. Raises OSError."""
        place = await asyncio.to_thread(Place.kept, self._place_file)
        lines, behind = await asyncio.to_thread(lines_after, self._log_file, place)
        if not lines:
            self._read_to_its_end()
            return False
        joined = Joined(dict(behind.refs))
        reader = Reader(joined, self._queues, self._key)
        events = [event for event in map(reader.read, lines) if event is not None]
        oldest = self._clock() - _IN_VAIN
        if in_time := [event for event in events if event.at >= oldest]:
            await self._tell(in_time)
        self._late += len(events) - len(in_time)
        behind.refs = joined.refs
        await asyncio.to_thread(behind.keep, self._place_file)
        self._tell_how_far(behind)
        return True

    def _tell_how_far(self, behind: Place) -> None:
        """A log of years, or of a night that the API was away, takes a while."""
        if self._pace is None:
            self._pace = Pace(lambda done, of: log.info("the log of queues is being read", octets=done, of=of))
        self._pace(behind.offset, self._log_file.stat().st_size if self._log_file.exists() else behind.offset)

    def _read_to_its_end(self) -> None:
        self._pace = None
        if self._late:
            log.warning("events too late to count are left out", code="queue_events.late", count=self._late)
            self._late = 0

    async def _tell(self, events: Sequence[Event]) -> None:
        """Returns when the API has them, or says that it will never take them."""
        attempt = 0
        while True:
            status = await self._post(events)
            if status == 200:
                return
            if status == 422 and len(events) > 1:  # one of them is refused, and nothing was kept: it is in one half
                await self._tell(events[: len(events) // 2])
                await self._tell(events[len(events) // 2 :])
                return
            if status == 422:
                log.warning("an event is refused and left out", code="queue_events.refused", what=events[0].what.value)
                return
            log.warning("events cannot be told; trying again", code="queue_events.away", status=status)
            await self._pause(backoff(min(attempt, _LONGEST_TRY)))
            attempt += 1

    async def _post(self, events: Sequence[Event]) -> int:
        """The status; 0 when nobody answers."""
        body = "\n".join(json.dumps(_told(event)) for event in events)
        try:
            return (await self._client.post("/api/handoffs/events", content=body)).status_code
        except httpx.HTTPError:
            return 0


def _told(event: Event) -> dict[str, object]:
    told = {
        "ref": event.ref,
        "what": event.what.value,
        "at": event.at.isoformat(),
        "queue": event.queue,
        "to_queue": event.to_queue,
        "how": event.how.value if event.how is not None else None,
        "talk_s": event.talk_s,
        "agent": event.agent,
    }
    return {name: value for name, value in told.items() if value is not None}
