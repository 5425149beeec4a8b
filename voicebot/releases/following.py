"""Every process looks which release calls go by, loads it, and switches to it; and says how far it is.

The state server tells within a second, the database within five: with either away the other suffices, and with both away the
process goes on with what it has.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dialogs.data.bundle import load_bundle
from dialogs.data.errors import BundleError
from voicebot.config.settings import Settings
from voicebot.errors import RecordsError, code_of
from voicebot.records.engine import open_engine
from voicebot.releases import orders
from voicebot.releases.errors import ReleaseError
from voicebot.releases.placing import last_release, releases_folder, remember_last, sweep, under_release
from voicebot.releases.pointer import CONFIGURED, Arm, Pointer, Stage
from voicebot.releases.shadowing import ShadowFollower
from voicebot.releases.store import Process, Releases, process_name
from voicebot.state.shared import PREFIX, SharedState
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

POINTER = f"{PREFIX}release-pointer"
LOOK_EVERY_S = 1.0
_TELL_EVERY_S = 5.0
_TRY_AGAIN_S = 15.0


class Editions(Protocol):
    """What a process has of a release: its bundle, and what understands and speaks by it."""

    async def load(self, release: str, settings: Settings) -> None:
        """Make this release ready beside the one in use. `settings` go by it. Raises what is wrong with it."""
        ...

    def use(self, arms: Sequence[Arm]) -> None:
        """Whatever begins from now on goes by these, which are loaded; what is under way keeps what it began with."""
        ...

    def keep(self, releases: Collection[str]) -> None:
        """Forget all others."""
        ...


def to_text(pointer: Pointer) -> str:
    """As it stands in the state server."""
    arms = [[arm.release, arm.share] for arm in pointer.arms]
    told = {"seq": pointer.seq, "stage": pointer.stage, "arms": arms, "who": pointer.who, "why": pointer.why}
    return json.dumps({**told, "at": pointer.at.isoformat()})


def from_text(text: str) -> Pointer:
    """The order. Raises ValueError."""
    try:
        told: dict[str, Any] = json.loads(text)
        arms = tuple(Arm(str(release), float(share)) for release, share in told["arms"])
        if not arms:
            raise ValueError("no arms")
        at = datetime.fromisoformat(told["at"])
        return Pointer(int(told["seq"]), Stage(told["stage"]), arms, str(told["who"]), str(told["why"]), at)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no order: {error}") from error


async def announce(shared: SharedState, pointer: Pointer) -> bool:
    """Tell all processes now, rather than when they next look into the database; False when the state server is away."""
    return await orders.announce(shared, POINTER, to_text(pointer))


async def open_releases(settings: Settings, stack: AsyncExitStack) -> tuple[Releases, str, Settings]:
    """The releases in the records' database, which `stack` closes; the one that a process begins with, and settings by it."""
    engine = open_engine(settings.database_url)
    stack.callback(engine.dispose)
    releases = Releases(engine)
    release = await starting_release(settings, releases)
    return releases, release, under_release(settings, release)


async def starting_release(settings: Settings, releases: Releases) -> str:
    """The release that a process begins with: where the pointer points, unpacked; else the last one that is here; else the
    configuration's own. A process must come up whatever is away.
    """
    try:
        pointer = await asyncio.to_thread(releases.live)
        release = pointer.release if pointer is not None else CONFIGURED
        if release != CONFIGURED:
            await asyncio.to_thread(releases.unpack, release, releases_folder(settings))
            await asyncio.to_thread(load_bundle, under_release(settings, release).bundle)
        return release
    except (SQLAlchemyError, RecordsError, ReleaseError, BundleError, OSError) as error:
        release = await asyncio.to_thread(_last_usable, settings)
        log.error(
            "the release in force cannot be had: the last one here is used", code=code_of(error), why=str(error), release=release
        )
        return release


def _last_usable(settings: Settings) -> str:
    """The last one that is here, if it can be read still: a disk that was full may have left half of it."""
    release = last_release(settings)
    try:
        load_bundle(under_release(settings, release).bundle)
    except (BundleError, OSError):
        return CONFIGURED
    return release


class ReleaseFollower:
    """Keeps one process on the release that it should go by."""

    def __init__(
        self,
        kind: str,
        settings: Settings,
        releases: Releases,
        shared: SharedState,
        editions: Editions,
        *,
        began_with: str,
        clock: Callable[[], datetime],
        shadow: ShadowFollower | None = None,
    ) -> None:
        """`kind` of process, such as "calls-2"; `settings` as configured; `began_with` is what `editions` has loaded and uses;
        `shadow` follows the orders about shadows, None in a process that serves nobody.
        """
        self._settings = settings
        self._name = process_name(kind, socket.gethostname())
        self._releases = releases
        self._orders = orders.Orders(shared, POINTER, from_text, lambda: (releases.live(), releases.newest()))
        self._shadow = shadow
        self._editions = editions
        self._clock = clock
        self._loaded = {began_with}
        self._arms: tuple[Arm, ...] = (Arm(began_with),)
        self._before: tuple[Arm, ...] = ()
        self._seq = 0
        self._wanted: Pointer | None = None
        """The last order that switches."""
        self._to_prepare: Pointer | None = None
        """The last order to load something; it does not hide the one before that switched."""
        self._loading: asyncio.Task[None] | None = None
        self._try_again_at = 0.0
        self._told: tuple[object, ...] = ()
        self._tell_at = 0.0
        self._looking: asyncio.Task[None] | None = None
        self.trouble = ""
        """Why it does not go by the release that it should; "" while it does."""

    @property
    def live(self) -> str:
        """The release that it goes by."""
        return self._arms[0].release

    @property
    def settings(self) -> Settings:
        """The configured ones, with the release in force on top."""
        return under_release(self._settings, self.live)

    def applied(self, settings: Settings) -> Settings:
        """Newly read settings, with the release in force on top."""
        self._settings = settings
        return self.settings

    async def reload(self, settings: Settings) -> None:
        """Read what is in force again, by settings that were read newly. Raises what `Editions.load` raises."""
        await self._editions.load(self.live, self.applied(settings))
        self._editions.use(self._arms)

    async def start(self) -> None:
        """Look now, and then again and again."""
        await self.look()
        self._looking = asyncio.create_task(self._look_forever(), name="releases")

    async def close(self) -> None:
        """Stop looking."""
        await cancelled(self._looking, self._loading)
        if self._shadow is not None:
            await self._shadow.close()
        with suppress(SQLAlchemyError, RecordsError):
            await asyncio.to_thread(self._releases.ended, self._name)

    async def _look_forever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except Exception:  # whatever is stored: the next look may be better
                log.exception("looking for releases failed", code=ReleaseError.code)

    async def look(self) -> None:
        """Ask both stores, and do what is to be done."""
        for found in await self._orders.look():
            self._hear(found)
        self._follow()
        if self._shadow is not None:
            await self._shadow.look(self._settings, [arm.release for arm in self._arms])
        await self._tell()

    def _hear(self, found: Pointer) -> None:
        known = self._to_prepare if found.stage is Stage.PREPARE else self._wanted
        if known is not None and found.seq <= known.seq:
            return
        if found.stage is Stage.PREPARE:
            self._to_prepare = found
        else:
            self._wanted = found
        self._try_again_at = 0.0
        self.trouble = ""

    # ------------------------------------------------------------------ following it

    def _follow(self) -> None:
        wanted, to_prepare = self._wanted, self._to_prepare
        if wanted is not None and wanted.seq != self._seq and self._loaded.issuperset(wanted.releases):
            self._switch(wanted)
        if wanted is not None and wanted.seq != self._seq:
            to_load = wanted
        elif to_prepare is not None and to_prepare.seq > self._seq and not self._loaded.issuperset(to_prepare.releases):
            to_load = to_prepare
        else:
            return
        loading = self._loading is not None and not self._loading.done()
        if not loading and time.monotonic() >= self._try_again_at:
            self._loading = asyncio.create_task(self._load(to_load), name="release-load")

    def _switch(self, pointer: Pointer) -> None:
        self._editions.use(pointer.arms)
        if pointer.arms != self._arms:
            self._before = self._arms
        self._arms, self._seq = pointer.arms, pointer.seq
        kept = self._forget_others()
        log.warning("calls go by another release", release=self.live, who=pointer.who, why=pointer.why, seq=pointer.seq)
        try:
            remember_last(self._settings, self.live)
            sweep(self._settings, kept)
        except OSError as error:
            log.warning("the release in force is not noted on disk", code=code_of(error), why=str(error))

    def _forget_others(self) -> set[str]:
        """Keep what is in use, what was before, and what is to come: whoever prepares much and publishes nothing fills no
        memory.
        """
        kept = {arm.release for arm in (*self._arms, *self._before)}
        for coming in (self._wanted, self._to_prepare):
            if coming is not None and coming.seq > self._seq:
                kept.update(coming.releases)
        self._editions.keep(kept)
        self._loaded &= kept
        return kept

    async def _load(self, pointer: Pointer) -> None:
        for release in pointer.releases:
            if release in self._loaded:
                continue
            try:
                if release != CONFIGURED:
                    await asyncio.to_thread(self._releases.unpack, release, self._folder)
                await self._editions.load(release, under_release(self._settings, release))
            except Exception as error:  # whatever is wrong with it: calls go on by what they had
                self.trouble = f"release {release[:12]} cannot be used: {error}"
                self._try_again_at = time.monotonic() + _TRY_AGAIN_S
                log.error(
                    "a release cannot be used; calls go on by the one before",
                    code=code_of(error),
                    release=release,
                    why=str(error),
                )
                return
            self._loaded.add(release)
        self.trouble = ""
        self._forget_others()
        self._loading = None
        self._follow()

    @property
    def _folder(self) -> Path:
        return releases_folder(self._settings)

    async def _tell(self) -> None:
        """When something changed, and every five seconds."""
        shadow = self._shadow.state if self._shadow is not None else None
        told: tuple[object, ...] = (self._seq, self.live, tuple(sorted(self._loaded)), self.trouble, shadow)
        if told == self._told and time.monotonic() < self._tell_at:
            return
        self._told, self._tell_at = told, time.monotonic() + _TELL_EVERY_S
        process = Process(self._name, self._clock(), self._seq, self.live, tuple(sorted(self._loaded)), self.trouble, shadow)
        with suppress(SQLAlchemyError, RecordsError):
            await asyncio.to_thread(self._releases.tell, process)
