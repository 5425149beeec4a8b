"""The service under load, in this process, and what its calls told."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from redis.asyncio import from_url as redis_client

from audio.types import Recogniser
from bench.calls import DeafRecogniser
from bench.hostile.watching import children, usage
from bench.parts import doing
from voicebot.config.settings import Settings
from voicebot.demo.run import A_WORKING_DAY
from voicebot.records.journal import Line
from voicebot.service import Service, open_service

RTP_PORTS = (25_000, 28_999)
"""Of nobody else here: what is captured from them is ours."""
_LAG_EVERY_S = 0.02


@dataclass(slots=True)
class Told:
    """What the journals said, since it was asked last."""

    began: int = 0
    lines: int = 0
    """Of journals: each becomes a row of the records."""
    keys: int = 0
    queues: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)

    def heard(self, _: str, line: Line) -> None:
        """A line of a journal."""
        self.lines += 1
        match line.get("type") or line.get("kind"):
            case "offered":
                self.began += 1
            case "KeyPressed":
                self.keys += 1
            case "HandOff":
                self.queues[str(line.get("queue"))] += 1
            case "closed":
                self.outcomes[str(line.get("outcome"))] += 1


@dataclass(frozen=True, slots=True)
class Resources:
    """What this process holds."""

    at: float
    """Seconds, of a clock without a beginning."""
    rss_mb: float
    tasks: int
    handles: int
    ports: int
    """RTP ports that are bound."""
    slots: int
    """Places for calls that are taken."""
    legs: int


@dataclass(slots=True)
class Bot:
    """The running service."""

    service: Service
    told: Told
    lags_ms: list[float] = field(default_factory=list)
    call_seconds: float = 0.0
    """Calls at once, added up over the time."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it takes calls."""
        return self.service.sip.address

    @property
    def live(self) -> int:
        """Calls under way, of all legs."""
        return sum(endpoint.counts.live for endpoint in self.service.endpoints)

    def asked_anew(self) -> Told:
        """What the journals say from now on."""
        self.told = Told()
        self.lags_ms.clear()
        self.call_seconds = 0.0
        return self.told

    def heard(self, call_id: str, line: Line) -> None:
        """A line of a journal."""
        self.told.heard(call_id, line)

    async def redis_commands(self) -> int:
        """That the state server has carried out so far."""
        async with redis_client(self.service.stores.url) as client:
            return int((await client.info("stats"))["total_commands_processed"])

    async def idle(self, timeout_s: float) -> bool:
        """Wait until no call is left; False when some are."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.live or len(self.service.calls):  # noqa: ASYNC110 - counts, not events
                    await asyncio.sleep(0.1)
            return True
        return False

    def resources(self) -> Resources:
        """Now."""
        gc.collect()
        used = usage(os.getpid())
        admission = self.service.stores.admission
        return Resources(
            time.monotonic(),
            used.rss_mb,
            len(asyncio.all_tasks()),
            used.handles,
            _bound_ports(RTP_PORTS),
            int(admission.taken),
            self.live,
        )

    async def keep_time(self) -> None:
        """How late the event loop is, again and again."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_LAG_EVERY_S)
            took = time.perf_counter() - began
            self.lags_ms.append(max(0.0, 1000 * (took - _LAG_EVERY_S)))
            self.call_seconds += took * self.live


def cpu_by_process() -> Mapping[str, float]:
    """Processor seconds so far: the service, and the state server beside it."""
    used = {"service": time.process_time()}
    for child in children(os.getpid()):
        with suppress(OSError):
            name = Path(f"/proc/{child}/comm").read_text(encoding="ascii").strip()
            if "valkey" in name:
                used["state"] = usage(child).cpu_s
    return used


def _bound_ports(ports: tuple[int, int]) -> int:
    """UDP ports of this range that this process has bound; others may use the range for calls of their own."""
    own = {os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}
    bound = 0
    for line in Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]:
        cells = line.split()
        port = int(cells[1].rpartition(":")[2], 16)
        bound += ports[0] <= port <= ports[1] and f"socket:[{cells[9]}]" in own
    return bound


@asynccontextmanager
async def running_bot(
    folder: Path,
    *,
    deaf: bool,
    max_calls: int,
    limits: Mapping[str, object] | None = None,
    sections: Mapping[str, object] | None = None,
    trunks: Mapping[str, object] | None = None,
) -> AsyncIterator[Bot]:
    """The whole service on loopback, with these `limits` beside the number of calls, and these `sections` of the configuration
    and `trunks` beside the callers' own. `deaf`: voice activity, turns and dialogue run, and no speech is decoded.
    """
    shutil.rmtree(folder / "state", ignore_errors=True)
    settings = Settings.model_validate(
        {
            "sip": {
                "port": 0,
                "peers": ["127.0.0.1/32"],
                "net_interface": "127.0.0.1",
                "transports": ["udp"],
                "rtp_ports": RTP_PORTS,
                **({"trunks": trunks} if trunks else {}),
            },
            "limits": {"max_calls": max_calls, **(limits or {})},
            "state": {"data_dir": str(folder)},
            "web": {"port": 0},
            "health": {"port": 0},
            "handoff": {"address": "sip:{queue}@127.0.0.1:5999", "way": "refer"},
            **(sections or {}),
        }
    )
    bots: list[Bot] = []

    def sink(call_id: str, line: Line) -> None:
        for bot in bots:
            bot.heard(call_id, line)

    async with open_service(settings, sinks=[sink], clock=lambda: A_WORKING_DAY, progress=doing) as service:
        if deaf:
            silent: dict[str, Recogniser] = {language: DeafRecogniser() for language in service.call_services.recognisers}
            service.calls.use(replace(service.call_services, recognisers=silent))
        bot = Bot(service, Told())
        bots.append(bot)
        keeping = asyncio.create_task(bot.keep_time(), name="lag")
        doing("making the prompts ready")
        await service.prompts_ready.wait()
        try:
            yield bot
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
