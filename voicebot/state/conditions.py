"""Live conditions: switches that people set on bad days, and how long each queue waits. They are read in the background, so that
a call never waits for them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from dialogs.events import Conditions, Switch
from voicebot.errors import StateError
from voicebot.state.shared import PREFIX, SharedState

_SWITCHES = f"{PREFIX}switches"
_HISTORY = f"{PREFIX}switches:history"
_WAITS = f"{PREFIX}waits"
_KEEP_HISTORY = 1000
_READ_EVERY_S = 1.0
WAIT_HOLDS_S = 120.0

_log = structlog.get_logger(__name__)


class SwitchKind(StrEnum):
    """What a switch does: `surge` puts an announcement and callback first, `closure` closes one queue."""

    SURGE = "surge"
    CLOSURE = "closure"


@dataclass(frozen=True, slots=True)
class SwitchSetting:
    """One switch: what, where (`queue`; "" everywhere), on or off, who set it, when, why, and until when it holds.

    `prompt` is the approved announcement that goes with it, "" for the bundle's own.
    """

    kind: SwitchKind
    on: bool
    who: str
    when: datetime
    queue: str = ""
    why: str = ""
    prompt: str = ""
    until: datetime | None = None

    @property
    def name(self) -> str:
        """Kind and place: setting a switch replaces the one of the same name."""
        return f"{self.kind}:{self.queue}"

    def holds(self, now: datetime) -> bool:
        """Whether it is on at `now`."""
        return self.on and (self.until is None or now < self.until)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        until = self.until.isoformat() if self.until else None
        return asdict(self) | {"when": self.when.isoformat(), "until": until}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SwitchSetting:
        """The switch from `as_dict`."""
        return cls(
            **values
            | {
                "kind": SwitchKind(values["kind"]),
                "when": datetime.fromisoformat(values["when"]),
                "until": datetime.fromisoformat(values["until"]) if values.get("until") else None,
            }
        )


@dataclass(frozen=True, slots=True)
class Wait:
    """The expected wait in a queue, in seconds, and when that was reported."""

    seconds: float
    when: datetime

    def fresh(self, now: datetime) -> bool:
        """An old figure is no figure: it must not be announced."""
        return (now - self.when).total_seconds() <= WAIT_HOLDS_S


@dataclass(frozen=True, slots=True)
class LiveConditions:
    """A snapshot."""

    switches: Mapping[str, SwitchSetting] = field(default_factory=lambda: MappingProxyType({}))
    queue_waits: Mapping[str, Wait] = field(default_factory=lambda: MappingProxyType({}))

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


class ConditionsBoard:
    """Reads conditions every second and writes what is set here.

    While the state server is away the last snapshot holds; a switch set meanwhile holds here at once and elsewhere when the
    server is back.
    """

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared
        self._reading: asyncio.Task[None] | None = None
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
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None

    def set_switch(self, switch: SwitchSetting) -> None:
        """Set or take back a switch: it holds here at once."""
        self._unwritten[switch.name] = switch
        self._show(switches={**self.snapshot.switches, switch.name: switch})
        _log.warning("switch set", switch=switch.name, on=switch.on, who=switch.who, why=switch.why)
        text = json.dumps(switch.as_dict())

        def write(pipeline: Pipeline) -> None:
            pipeline.hset(_SWITCHES, switch.name, text)
            pipeline.zadd(_HISTORY, {text: switch.when.timestamp()})
            pipeline.zremrangebyrank(_HISTORY, 0, -_KEEP_HISTORY - 1)

        self._shared.write_later(f"{_SWITCHES}:{switch.name}", write)

    def set_wait(self, queue: str, seconds: float, when: datetime) -> None:
        """A queue reports its expected wait in seconds."""
        self._show(waits={**self.snapshot.queue_waits, queue: Wait(seconds, when)})
        text = json.dumps({"seconds": seconds, "when": when.isoformat()})

        def write(pipeline: Pipeline) -> None:
            pipeline.hset(_WAITS, queue, text)

        self._shared.write_later(f"{_WAITS}:{queue}", write)

    async def history(self, limit: int = 100) -> list[SwitchSetting]:
        """What was set lately, newest first. Raises StateError while the server is away."""

        async def read(redis: Redis) -> list[str]:
            return cast("list[str]", await redis.zrevrange(_HISTORY, 0, limit - 1))

        return [SwitchSetting.from_dict(json.loads(text)) for text in await self._shared.ask(read)]

    async def refresh(self) -> bool:
        """Read now; False while the state server is away or its data cannot be read, and the last snapshot holds."""

        async def read(redis: Redis) -> tuple[dict[str, str], dict[str, str]]:
            async with redis.pipeline(transaction=False) as pipeline:
                pipeline.hgetall(_SWITCHES)
                pipeline.hgetall(_WAITS)
                switches, waits = await pipeline.execute()
            return switches, waits

        try:
            switches, waits = await self._shared.ask(read)
            stored = {name: SwitchSetting.from_dict(json.loads(text)) for name, text in switches.items()}
            queue_waits = {queue: _wait(text) for queue, text in waits.items()}
        except (StateError, ValueError, TypeError, KeyError):
            return False
        # what was set here and has not arrived there yet still holds
        self._unwritten = {name: own for name, own in self._unwritten.items() if _newer(own, stored.get(name))}
        self._show(switches=stored | self._unwritten, waits=queue_waits)
        return True

    def _show(self, *, switches: dict[str, SwitchSetting] | None = None, waits: dict[str, Wait] | None = None) -> None:
        self.snapshot = LiveConditions(
            MappingProxyType(switches) if switches is not None else self.snapshot.switches,
            MappingProxyType(waits) if waits is not None else self.snapshot.queue_waits,
        )

    async def _read_forever(self) -> None:
        while True:
            await asyncio.sleep(_READ_EVERY_S)
            await self.refresh()


def _newer(own: SwitchSetting, stored: SwitchSetting | None) -> bool:
    return stored is None or own.when > stored.when


def _wait(text: str) -> Wait:
    values = json.loads(text)
    return Wait(float(values["seconds"]), datetime.fromisoformat(values["when"]))
