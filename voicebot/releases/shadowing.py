"""How each process that serves callers follows the order which release is in the shadow: beside the pointer, by the same ways."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import structlog

from dialogs.data.bundle import load_bundle
from voicebot.config.settings import Settings
from voicebot.errors import code_of
from voicebot.memory import resident_bytes
from voicebot.metrics.registry import Metrics
from voicebot.releases import orders
from voicebot.releases.errors import ReleaseError
from voicebot.releases.placing import releases_folder, under_release
from voicebot.releases.pointer import ShadowOrder
from voicebot.releases.store import Releases, Shadowed
from voicebot.state.shared import PREFIX, SharedState
from voicebot.tasks import cancelled
from voicebot.understanding.service import trained
from voicebot.understanding.shadow import LiveShadow, load_shadow

log = structlog.get_logger(__name__)

SHADOW = f"{PREFIX}release-shadow"
MOST_DAYS = 7
"""A shadow ends by itself after so long at most."""
_TRY_AGAIN_S = 15.0


def to_text(order: ShadowOrder) -> str:
    """As it stands in the state server."""
    told = {"seq": order.seq, "release": order.release, "proposal": order.proposal, "who": order.who, "why": order.why}
    return json.dumps({**told, "until": order.until.isoformat(), "at": order.at.isoformat()})


def from_text(text: str) -> ShadowOrder:
    """The order. Raises ValueError."""
    try:
        told: dict[str, Any] = json.loads(text)
        until, at = (datetime.fromisoformat(told[name]) for name in ("until", "at"))
        who, why = str(told["who"]), str(told["why"])
        return ShadowOrder(int(told["seq"]), str(told["release"]), int(told["proposal"]), until, who, why, at)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no order: {error}") from error


async def announce(shared: SharedState, order: ShadowOrder) -> bool:
    """As `voicebot.releases.orders.announce`."""
    return await orders.announce(shared, SHADOW, to_text(order))


class ShadowFollower:
    """Has the release in the shadow that is ordered, in one process."""

    def __init__(
        self, releases: Releases, shared: SharedState, shadow: LiveShadow, metrics: Metrics, clock: Callable[[], datetime]
    ) -> None:
        self._releases = releases
        self._orders = orders.Orders(shared, SHADOW, from_text, lambda: (releases.shadow(),))
        self._shadow = shadow
        self._clock = clock
        self._order: ShadowOrder | None = None
        self._loading: asyncio.Task[None] | None = None
        self._try_again_at = 0.0
        self.state: Shadowed | None = None
        """How far it is; None while nothing is ordered."""
        metrics.read_from("voicebot_shadow_memory_bytes", lambda: self.state.octets if self.state is not None else 0)

    async def look(self, settings: Settings, live: Collection[str]) -> None:
        """Ask both stores, and do what is to be done. `settings` as configured; calls go by `live`, which needs no shadow."""
        for found in await self._orders.look():
            if self._order is None or found.seq > self._order.seq:
                self._order, self._try_again_at = found, 0.0
        order = self._order
        wanted = order.release if order is not None and order.running(self._clock()) and order.release not in live else ""
        if self.state is not None and self.state.release != wanted:
            await self._end()
        if wanted and self._shadow.release != wanted and self._loading is None and time.monotonic() >= self._try_again_at:
            self.state = Shadowed(wanted, 0, "")
            self._loading = asyncio.create_task(self._load(wanted, settings), name="shadow-load")

    async def close(self) -> None:
        """End it."""
        await self._end()

    async def _end(self) -> None:
        loading, self._loading = self._loading, None
        await cancelled(loading)
        if self._shadow.release:
            log.info("a release is in the shadow no more", release=self._shadow.release)
        await self._shadow.end()
        self.state = None

    async def _load(self, release: str, settings: Settings) -> None:
        """What is wrong with it is told, and it is tried again after a while: calls go on whatever it is."""
        before = resident_bytes()
        try:
            await asyncio.to_thread(self._releases.unpack, release, releases_folder(settings))
            settings = under_release(settings, release)
            bundle = await asyncio.to_thread(load_bundle, settings.bundle)
            languages = bundle.prompts.languages
            if not await asyncio.to_thread(trained, settings.nlu, languages):
                raise ReleaseError("it has no models for this version of voicebot: have its checks run again", "no_models")
            classifier = await load_shadow(settings.nlu, languages)
        except Exception as error:
            self._try_again_at = time.monotonic() + _TRY_AGAIN_S
            self.state = Shadowed(release, 0, str(error))
            log.error("a release cannot be in the shadow", code=code_of(error), release=release, why=str(error))
        else:
            self._shadow.begin(release, classifier, languages)
            self.state = Shadowed(release, max(0, resident_bytes() - before), "")
            log.warning("a release is in the shadow", release=release, octets=self.state.octets)
        finally:
            self._loading = None
