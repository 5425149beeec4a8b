"""Live conditions: switches that people set on bad days, and how long each queue waits. They are read in the background, so that
a call never waits for them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, TypeVar

import structlog
from pydantic import Field
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from dialogs.events import Conditions, Switch
from dialogs.wire import Codec, Instant, WireError
from voicebot.errors import StateError
from voicebot.state.shared import PREFIX, SharedState
from voicebot.tasks import cancelled

_SWITCHES = f"{PREFIX}switches"
_WAITS = f"{PREFIX}waits"
_MOST_UNREADABLE = 100
_READ_EVERY_S = 1.0
_ARRIVES_S = 0.5
WAIT_HOLDS_S = 120.0

K = TypeVar("K")
T = TypeVar("T")

_log = structlog.get_logger(__name__)


class SwitchKind(StrEnum):
    """What a switch does: `surge` puts an announcement and callback first, `closure` closes one queue."""

    SURGE = "surge"
    CLOSURE = "closure"


@dataclass(frozen=True, slots=True)
class SwitchSetting:
    """One switch as somebody set it."""

    kind: SwitchKind
    on: bool
    who: str
    """Who set it."""
    when: Instant
    """When it was set."""
    queue: str = ""
    """Where it holds; "" everywhere."""
    why: str = ""
    prompt: str = ""
    """The approved announcement that goes with it; "" for the bundle's own."""
    until: Instant | None = None
    """Until when it holds; None until it is taken back."""

    @property
    def name(self) -> str:
        """Kind and place: setting a switch replaces the one of the same name."""
        return f"{self.kind}:{self.queue}"

    def holds(self, now: datetime) -> bool:
        """Whether it is on at `now`."""
        return self.on and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class QueueWait:
    """What a queue reported of its waiting time."""

    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """The expected wait."""
    when: Instant
    """When it was reported."""

    def fresh(self, now: datetime) -> bool:
        """An old figure is no figure: it must not be announced."""
        return (now - self.when).total_seconds() <= WAIT_HOLDS_S


@dataclass(frozen=True, slots=True)
class LiveConditions:
    """A snapshot."""

    switches: Mapping[str, SwitchSetting] = field(default_factory=lambda: MappingProxyType({}))
    queue_waits: Mapping[str, QueueWait] = field(default_factory=lambda: MappingProxyType({}))

    def holding(self, now: datetime) -> list[SwitchSetting]:
        """The switches that are on at `now`."""
        return [setting for setting in self.switches.values() if setting.holds(now)]

    def waits(self, now: datetime) -> dict[str, float]:
        """Expected waits in seconds by queue, as far as there is a fresh figure."""
        return {queue: wait.seconds for queue, wait in self.queue_waits.items() if wait.fresh(now)}

    def for_dialogue(self, now: datetime) -> Conditions:
        """What the conversation is told: fresh waits and switches that are on."""
        switches = (
            Switch(setting.kind.value, setting.who, setting.when.isoformat(), setting.queue, setting.prompt)
            for setting in self.holding(now)
        )
        return Conditions(waits=tuple(sorted(self.waits(now).items())), switches=tuple(switches))


switch_codec = Codec(SwitchSetting)
_wait_codec = Codec(QueueWait)


def _every_second() -> Awaitable[None]:
    return asyncio.sleep(_READ_EVERY_S)


class LiveConditionsStore:
    """Reads conditions every second and writes what is set here.

    While the state server is away the last snapshot holds; a switch set meanwhile holds here at once and elsewhere when the
    server is back.
    """

    def __init__(self, shared: SharedState, *, pause: Callable[[], Awaitable[None]] = _every_second) -> None:
        """`pause` waits until the next reading is due."""
        self._shared = shared
        self._pause = pause
        self._reading: asyncio.Task[None] | None = None
        self._unreadable: set[str] = set()
        self._unwritten: dict[str, SwitchSetting] = {}
        self.snapshot = LiveConditions()

    async def start(self) -> None:
        """Read once, then in the background."""
        await self.refresh()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_forever(), name="conditions")

    async def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            await cancelled(self._reading)
            self._reading = None

    def set_switch(self, switch: SwitchSetting) -> None:
        """Set or take back a switch: it holds here at once."""
        _log.warning("switch set", switch=switch.name, on=switch.on, who=switch.who, why=switch.why)
        self.know(switch)

    def know(self, switch: SwitchSetting) -> None:
        """A switch was set somewhere, and the state server does not know it, or knows an earlier order: it is told."""
        self._unwritten[switch.name] = switch
        self._show(switches={**self.snapshot.switches, switch.name: switch})
        text = switch_codec.to_text(switch)

        def write(pipeline: Pipeline) -> None:
            pipeline.hset(_SWITCHES, switch.name, text)

        self._shared.write_later(f"{_SWITCHES}:{switch.name}", write)

    async def has_arrived(self, switch: SwitchSetting) -> bool:
        """Whether the state server knows what was set, after a moment for it."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._shared.flush(), _ARRIVES_S)
        return not self._shared.waits(f"{_SWITCHES}:{switch.name}")

    def set_wait(self, queue: str, seconds: float, when: datetime) -> None:
        """A queue reports its expected wait in seconds."""
        self._show(waits={**self.snapshot.queue_waits, queue: QueueWait(seconds, when)})

        def write(pipeline: Pipeline) -> None:
            pipeline.hset(_WAITS, queue, _wait_codec.to_text(QueueWait(seconds, when + self._server_ahead())))

        self._shared.write_later(f"{_WAITS}:{queue}", write)

    async def refresh(self) -> bool:
        """Read now; an entry that cannot be read is left out. False while the server is away, and the last snapshot holds."""

        async def read(redis: Redis) -> tuple[dict[str, str], dict[str, str]]:
            async with redis.pipeline(transaction=False) as pipeline:
                pipeline.hgetall(_SWITCHES)
                pipeline.hgetall(_WAITS)
                switches, waits = await pipeline.execute()
            return switches, waits

        try:
            switches, waits = await self._shared.ask(read)
        except StateError:
            return False
        stored = {setting.name: setting for _, setting in self._readable(switch_codec, switches.items())}
        ahead = self._server_ahead()
        queue_waits = {queue: replace(wait, when=wait.when - ahead) for queue, wait in self._readable(_wait_codec, waits.items())}
        # what was set here and has not arrived there yet still holds
        self._unwritten = {name: own for name, own in self._unwritten.items() if _newer(own, stored.get(name))}
        self._show(switches=stored | self._unwritten, waits=queue_waits)
        return True

    def _server_ahead(self) -> timedelta:
        """How far the server's clock is before ours: a wait is told by one machine, and grows old at another."""
        return timedelta(seconds=self._shared.now() - time.time())

    def _show(self, *, switches: dict[str, SwitchSetting] | None = None, waits: dict[str, QueueWait] | None = None) -> None:
        self.snapshot = LiveConditions(
            MappingProxyType(switches) if switches is not None else self.snapshot.switches,
            MappingProxyType(waits) if waits is not None else self.snapshot.queue_waits,
        )

    async def _read_forever(self) -> None:
        while True:
            await self._pause()
            try:
                await self.refresh()
            except Exception:  # whatever is stored: the next reading may be better
                _log.exception("live conditions cannot be read", code=StateError.code)

    def _readable(self, codec: Codec[T], texts: Iterable[tuple[K, str]]) -> Iterator[tuple[K, T]]:
        """The entries that can be read. One that cannot be read must not hide the others; it is logged once."""
        for name, text in texts:
            try:
                yield name, codec.from_text(text)
            except WireError as error:
                if text not in self._unreadable and len(self._unreadable) < _MOST_UNREADABLE:
                    self._unreadable.add(text)
                    _log.error("a stored switch or wait cannot be read and does not count", code=error.code, why=str(error))


def _newer(own: SwitchSetting, stored: SwitchSetting | None) -> bool:
    return stored is None or own.when > stored.when
