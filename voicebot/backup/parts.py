"""What a backup holds: the folder of the data, and every file and folder that the configuration keeps elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voicebot.config.settings import Settings
from voicebot.process import PID_FILE
from voicebot.records.engine import sqlite_file
from voicebot.state.data_lock import LOCK, UNFINISHED

DATA = "data"
CONFIG = "config"
STAGING = ".restoring"
ASIDE = "before-restore-"
"""Begins the name of what a restore replaced."""

MADE_AGAIN = frozenset({"models", "prompts", "nlu", "cache", PID_FILE, LOCK, UNFINISHED, STAGING, "lost+found"})
"""In the folder of the data, what is fetched or made anew, and what says who uses it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is kept in a place of its own."""

    name: str
    """In the archive."""
    path: Path
    """Absolute, links resolved."""
    is_folder: bool
    setting: str
    """What sets its place."""


def parts_of(settings: Settings, config: Path | None) -> tuple[Part, ...]:
    """All parts by this configuration, whether they are there or not. What lies within the folder of the data is no part of its
    own.
    """
    data = Part(DATA, settings.state.data_dir.resolve(), True, "state.data_dir")
    elsewhere = [part for part in _named(settings, config) if not part.path.is_relative_to(data.path)]
    return (data, *elsewhere)


def _named(settings: Settings, config: Path | None) -> Iterator[Part]:
    database, tls = sqlite_file(settings.database_url), settings.web.tls
    files: dict[str, tuple[Path | None, str]] = {
        "records.db": (database, "records.database_url"),
        "customers.db": (settings.customers.sqlite, "customers.sqlite"),
        "customers.csv": (settings.customers.csv, "customers.csv"),
        "sip-certificate.pem": (settings.sip.tls_certificate, "sip.tls_certificate"),
        "sip-client-ca.pem": (settings.sip.tls_client_ca, "sip.tls_client_ca"),
        "web-certificate.pem": (tls.certificate if tls else None, "web.tls.certificate"),
        "web-key.pem": (tls.key if tls else None, "web.tls.key"),
        "identity-keys.json": (settings.identity.keys_file, "identity.keys_file"),
        CONFIG: (config, "--config"),
    }
    folders: dict[str, tuple[Path | None, str]] = {
        "spool": (settings.spool_dir, "state.data_dir"),
        "calls": (settings.records.folder, "records.folder"),
        "recordings": (settings.recording.folder, "recording.folder"),
        "bundle": (settings.bundle, "bundle"),
        "pack": (settings.nlu.pack, "nlu.pack"),
    }
    for named, is_folder in ((files, False), (folders, True)):
        for name, (path, setting) in named.items():
            if path is not None:
                yield Part(name, path.resolve(), is_folder, setting)


def left_out(settings: Settings, *, recordings: bool) -> list[str]:
    """What the archive does not hold, for the people who rely on it."""
    told = []
    if sqlite_file(settings.database_url) is None:
        told.append("call records: they are in PostgreSQL; back it up with pg_dump --format=custom")
    if settings.state.redis_url is not None:
        told.append("hand-offs, callbacks and switches: they are in the Redis of state.redis_url; back it up with its own means")
    if not recordings:
        told.append("recordings: --without-recordings")
    told.append("calls that are not over: they are in the next backup")
    told.append("models, and prompts made by a voice: they are fetched and made again")
    return told
