"""What app_queue tells of its queues, by the Asterisk Manager Interface: who waits, how long, and how many agents are free."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from voicebot.endpoints.asterisk.settings import AmiSettings

log = logging.getLogger(__name__)

_ANSWER_S = 5.0
_LONGEST_WAIT_S = 30.0
_MOST_OCTETS = 64 * 1024
_MOST_BLOCKS = 2000
_END = b"\r\n\r\n"


class AmiError(Exception):
    """No figures: the manager interface does not answer, or not as asked."""


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


def parse_block(octets: bytes) -> dict[str, str]:
    """One message: lines of name and value. Names are lower-case; whatever is no such line is left out."""
    lines = (line.partition(":") for line in octets.decode(errors="replace").splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in lines if colon}


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
                async with asyncio.timeout(_ANSWER_S):
                    reader, writer = await asyncio.open_connection(self._settings.host, self._settings.port, limit=_MOST_OCTETS)
                try:
                    await self._log_in(reader, writer)
                    while True:
                        await self._ask(reader, writer)
                        wait_s = 1.0
                        await asyncio.sleep(self._settings.every_s)
                finally:
                    writer.close()
            except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, AmiError) as error:
                log.warning("no figures of Asterisk's queues: %s", error if str(error) else type(error).__name__)
            except Exception:
                log.exception("figures of Asterisk's queues could not be taken")
            self.available, self.figures = False, {}
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    async def _log_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """By challenge: the password never travels."""
        async with asyncio.timeout(_ANSWER_S):
            await reader.readline()  # the banner
            challenge = await _answer(reader, writer, "Challenge", AuthType="MD5")
            secret = f"{challenge.get('challenge', '')}{self._settings.password.get_secret_value()}"
            key = hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest()
            said = await _answer(reader, writer, "Login", AuthType="MD5", Username=self._settings.user, Key=key, Events="off")
        if said.get("response") != "Success":
            raise AmiError("Asterisk refuses the login (asterisk.ami.user and password; manager.conf)")

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found: dict[str, QueueFigures] = {}
        async with asyncio.timeout(_ANSWER_S):
            said = await _answer(reader, writer, "QueueSummary")
            if said.get("response") != "Success":
                raise AmiError(
                    f"Asterisk refuses QueueSummary: {said.get('message', '')[:100]!r}; manager.conf needs read = agent"
                )
            for _ in range(_MOST_BLOCKS):
                block = parse_block(await reader.readuntil(_END))
                if block.get("event") == "QueueSummaryComplete":
                    break
                if (figures := figures_of(block)) is not None:
                    found[figures.queue] = figures
        self.available, self.figures = True, found
        for figures in found.values():
            with contextlib.suppress(Exception):
                self._told(figures)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, action: str, **more: str) -> dict[str, str]:
    lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in more.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    await writer.drain()
    while "response" not in (said := parse_block(await reader.readuntil(_END))):
        pass  # an event that nobody asked for
    return said


def queues_of(figures: QueueFigures, targets: Iterable[tuple[str, str]], renamed: Mapping[str, str]) -> list[str]:
    """The bundle's queues that are this one of Asterisk. `targets` are names and targets of the bundle's queues."""
    target = renamed.get(figures.queue, figures.queue)
    return [name for name, its in targets if (its or name) == target]
