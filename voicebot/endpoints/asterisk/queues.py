"""What app_queue tells of its queues, by the Asterisk Manager Interface: who waits, how long, and how many agents are free."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from voicebot.ami.connection import FAULTS, AmiError, Manager, manager
from voicebot.ami.settings import AmiSettings

log = logging.getLogger(__name__)

_ANSWER_S = 5.0
_LONGEST_WAIT_S = 30.0
_MOST_BLOCKS = 2000


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """One queue now."""

    queue: str
    """Its name in queues.conf."""
    callers: int
    """Who wait."""
    agents: int
    """Logged in."""
    free: int
    """Logged in and not in a call."""
    average_s: float
    """How long callers waited lately."""
    longest_s: float
    """How long the first of those who wait has waited."""

    @property
    def expected_s(self) -> float | None:
        """How long a caller who comes now must expect to wait; None where nobody works, for then no figure is true."""
        if not self.agents:
            return None
        if not self.callers and self.free:
            return 0.0
        return max(self.average_s, self.longest_s if self.callers else 0.0)


def figures_of(said: Mapping[str, str]) -> QueueFigures | None:
    """None for what is no QueueSummary."""
    if said.get("event") != "QueueSummary" or not said.get("queue"):
        return None
    names = ("callers", "loggedin", "available", "holdtime", "longestholdtime")
    texts = [said.get(name, "") for name in names]
    if not all(text.isascii() and text.isdigit() and len(text) < 10 for text in texts):
        return None
    callers, agents, free, average, longest = map(int, texts)
    return QueueFigures(said["queue"], callers, agents, free, float(average), float(longest))


class QueueWatch:
    """Asks again and again; `told` gets the figures of every queue each time."""

    def __init__(self, settings: AmiSettings, told: Callable[[QueueFigures], None]) -> None:
        self.available = False
        self.figures: dict[str, QueueFigures] = {}
        """The latest, by the queue's name in queues.conf; empty while the manager interface is away."""
        self._settings = settings
        self._told = told

    async def run(self) -> None:
        """Until cancelled. Without an answer it tries again, later and later."""
        wait_s = 1.0
        while True:
            try:
                async with manager(self._settings, events="off") as opened:
                    while True:
                        await self._ask(opened)
                        wait_s = 1.0
                        await asyncio.sleep(self._settings.every_s)
            except FAULTS as error:
                log.warning("no figures of Asterisk's queues: %s", error if str(error) else type(error).__name__)
            except Exception:
                log.exception("figures of Asterisk's queues could not be taken")
            self.available, self.figures = False, {}
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    async def _ask(self, opened: Manager) -> None:
        found: dict[str, QueueFigures] = {}
        async with asyncio.timeout(_ANSWER_S):
            said = await opened.ask("QueueSummary")
            if said.get("response") != "Success":
                raise AmiError(
                    f"Asterisk refuses QueueSummary: {said.get('message', '')[:100]!r}; manager.conf needs read = agent"
                )
            for _ in range(_MOST_BLOCKS):
                block = await opened.read()
                if block.get("event") == "QueueSummaryComplete":
                    break
                if (figures := figures_of(block)) is not None:
                    found[figures.queue] = figures
        self.available, self.figures = True, found
        for figures in found.values():
            with contextlib.suppress(Exception):
                self._told(figures)


def queues_of(figures: QueueFigures, targets: Iterable[tuple[str, str]], renamed: Mapping[str, str]) -> list[str]:
    """The bundle's queues that are this one of Asterisk. `targets` are names and targets of the bundle's queues."""
    target = renamed.get(figures.queue, figures.queue)
    return [name for name, its in targets if (its or name) == target]
