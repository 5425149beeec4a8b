"""Where releases lie on a machine, and settings that go by one."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from pathlib import Path

from dialogs.data.bundle import DEFAULT_BUNDLE
from nlu.pack.pack import BANK_PACK
from voicebot.config.settings import Settings
from voicebot.files import write_whole
from voicebot.releases.contents import BUNDLE, MODELS, PACK
from voicebot.releases.drafts import Folders
from voicebot.releases.pointer import CONFIGURED
from voicebot.releases.store import Releases

_LAST = "last"
"""The file with the name of the release that a process of this machine last went by."""
_KEPT_S = 7 * 24 * 3600.0


def releases_folder(settings: Settings) -> Path:
    """The unpacked releases of this machine, by id."""
    return settings.state.data_dir / "releases"


def folders_of(settings: Settings) -> Folders:
    """What these settings name."""
    return Folders(settings.bundle or DEFAULT_BUNDLE, settings.nlu.pack or Path(BANK_PACK))


def under_release(settings: Settings, release: str) -> Settings:
    """The same settings with bundle, training data and models of a release that is unpacked."""
    if release == CONFIGURED:
        return settings
    folder = releases_folder(settings) / release
    nlu = settings.nlu.model_copy(update={"pack": folder / PACK, "cache_dir": folder / MODELS})
    return settings.model_copy(update={"bundle": folder / BUNDLE, "nlu": nlu})


def in_force(settings: Settings, releases: Releases) -> Folders:
    """Where what was last switched to lies, whichever release this process goes by yet; unpacked now when it is not here. Raises
    ReleaseError, OSError, and what SQLAlchemy raises.
    """
    pointer = releases.live()
    release = pointer.release if pointer is not None else CONFIGURED
    if release != CONFIGURED:
        releases.unpack(release, releases_folder(settings))
    return folders_of(under_release(settings, release))


def remember_last(settings: Settings, release: str) -> None:
    """For a start without the database. Raises OSError."""
    folder = releases_folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(folder / _LAST, release)


def last_release(settings: Settings) -> str:
    """What was remembered, if it is here still; else the configuration's own."""
    folder = releases_folder(settings)
    try:
        release = (folder / _LAST).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return CONFIGURED
    return release if release and (folder / release).is_dir() else CONFIGURED


def sweep(settings: Settings, keep: Collection[str]) -> None:
    """Take away unpacked releases that are older than a week and not in `keep`: calls under way, and other processes on this
    folder, may still play recordings of the newer ones. So are damaged ones, and what a process that died was unpacking.
    """
    oldest = time.time() - _KEPT_S
    for folder in releases_folder(settings).iterdir():
        if folder.is_dir() and folder.name not in keep and folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)
