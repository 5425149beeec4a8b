"""What only the machine shows: files that are not there, folders that cannot be written, room, programs, open secrets."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Secret, SecretStr

from audio.errors import ModelError
from audio.recognisers.weights import WHISPER_BASE, sources
from audio.synthesis import embedded_piper_model
from voicebot.config.settings import Settings
from voicebot.config.source import SettingProblem, Source, Where

_NO_ROOM = 20_000_000
"""Bytes without which a start cannot write its own files."""
_LITTLE_ROOM = 1_000_000_000
"""Bytes under which records and recordings soon fill the disk."""
# a call has two sockets for RTP, perhaps one for SIP over TCP, a recording and pipes
_HANDLES, _HANDLES_A_CALL = 120, 6


@dataclass(frozen=True, slots=True)
class Machine:
    """What the check asks the machine."""

    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    handles: Callable[[], int] = lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    """The open files that a process may have: our processes raise the soft limit to the hard one."""
    program: Callable[[str], str | None] = shutil.which
    package: Callable[[str], object] = find_spec


THIS_MACHINE = Machine()


def look_around(settings: Settings, source: Source, machine: Machine) -> Iterator[SettingProblem]:
    """Every mistake that the machine shows."""
    unusable = False
    for where, path, fatal in (*_files(settings), *((where, folder, True) for where, folder in _folders(settings))):
        if why := _out_of_reach(path):
            unusable = True
            yield source.problem(where, f"{path} cannot be used: {why}", "Correct the path, or its rights", fatal=fatal)
    if unusable:
        return  # all that follows would stumble over it
    for where, path, fatal in _files(settings):
        if not path.exists():
            yield source.problem(where, f"{path} does not exist", "Correct the path, or remove it", fatal=fatal)
        elif not os.access(path, os.R_OK):
            advice = "Let the service's user read it"
            yield source.problem(where, f"{path} cannot be read", advice, fatal=fatal)
    yield from _room(settings, source, machine)
    yield from _recognisers(settings, source)
    yield from _voices(settings, source, machine)
    yield from _handles(settings, source, machine)
    yield from _secrets_open(settings, source)


def _out_of_reach(path: Path) -> str:
    """Why the system does not even say whether something is there; "" when it does."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return error.strerror or "it cannot be looked at"
    except ValueError:
        return "it holds a character that no path has"
    return ""


def _files(settings: Settings) -> Iterator[tuple[Where, Path, bool]]:
    """Files that must be there; without some the service starts and does without (a missing model: keys only)."""
    named: Sequence[tuple[Where, Path | None, bool]] = (
        (("bundle",), settings.bundle, True),
        (("nlu", "pack"), settings.nlu.pack, True),
        (("sip", "tls_certificate"), settings.sip.tls_certificate, True),
        (("sip", "tls_client_ca"), settings.sip.tls_client_ca, True),
        (("customers", "csv"), settings.customers.csv, True),
        (("customers", "crm", "ca"), settings.customers.crm.ca if settings.customers.crm else None, True),
        (("callers", "barred"), settings.callers.barred, False),
        (("web", "tls", "certificate"), settings.web.tls.certificate if settings.web.tls else None, True),
        (("web", "tls", "key"), settings.web.tls.key if settings.web.tls else None, True),
        *(
            ((*where, name), getattr(tls, name), True)
            for where, tls in (
                (("asterisk", "media", "tls"), settings.asterisk.media.tls),
                (("carriers", "tls"), settings.carriers.tls),
            )
            if tls is not None
            for name in ("certificate", "key")
        ),
        *(
            (("sip", "trunks", name, *where), path, True)
            for name, trunk in settings.sip.trunks.items()
            for where, path in (
                (("tls_ca",), trunk.tls_ca),
                (("registration", "password_file"), trunk.registration.password_file if trunk.registration else None),
                (("digest", "password_file"), trunk.digest.password_file if trunk.digest else None),
            )
        ),
        *((("recognisers", lang, "model"), each.model, False) for lang, each in settings.recognisers.items()),
        *((("voices", lang, "piper_model"), each.piper_model, False) for lang, each in settings.voices.items()),
    )
    return ((where, path, fatal) for where, path, fatal in named if path is not None)


def _room(settings: Settings, source: Source, machine: Machine) -> Iterator[SettingProblem]:
    """Folders that cannot be written, and disks that are full."""
    for where, folder in _folders(settings):
        existing = next((each for each in (folder, *folder.absolute().parents) if each.exists()), None)
        if existing is None:
            continue
        if not (existing.is_dir() and os.access(existing, os.W_OK)):
            yield source.problem(where, f"{folder} cannot be written", "Give a folder that the service may write")
            continue
        free = machine.free_bytes(existing)
        if free < _LITTLE_ROOM:
            what = f"the disk of {folder} has {free // 1_000_000} MB free"
            yield source.problem(where, what, "Make room, or give a folder on another disk", fatal=free < _NO_ROOM)


def _folders(settings: Settings) -> Iterator[tuple[Where, Path]]:
    yield ("state", "data_dir"), settings.state.data_dir
    if settings.recording.folder is not None:
        yield ("recording", "folder"), settings.recording.folder
    if settings.records.folder is not None:
        yield ("records", "folder"), settings.records.folder
    if settings.customers.sqlite is not None:
        yield ("customers", "sqlite"), settings.customers.sqlite.parent


def _recognisers(settings: Settings, source: Source) -> Iterator[SettingProblem]:
    """Folders that hold no model of their engine: such a language has keys only."""
    for language, wanted in settings.recognisers.items():
        where = ("recognisers", language, "model")
        if wanted.model is not None and wanted.model.exists() and (lacking := wanted.lacking()):
            what = f"{wanted.model} is no model for {wanted.engine}: {lacking} is missing"
            yield source.problem(where, what, "Give the folder of an unpacked model", fatal=False)
        if wanted.engine == "whisper" and wanted.model is None and (why := _embedded_whisper(settings)):
            yield source.problem(where[:2], why, "Install it again, or give a model", fatal=False)


def _embedded_whisper(settings: Settings) -> str:
    """Why the embedded model cannot be used; "" when it can."""
    made = settings.state.data_dir / "models" / f"{WHISPER_BASE.name}-{WHISPER_BASE.sha256[:12]}" / "model.bin"
    try:
        if not made.exists():
            sources(WHISPER_BASE)
    except ModelError as error:
        return str(error).partition(": reinstall")[0]
    return ""


def _voices(settings: Settings, source: Source, machine: Machine) -> Iterator[SettingProblem]:
    """Prompts without a recording that nobody can speak."""
    espeak, piper = machine.program("espeak-ng"), machine.package("piper")
    for language, wanted in settings.voices.items():
        model = wanted.piper_model or (embedded_piper_model() if language == "en" else None)
        where: Where = ("voices", language)
        if wanted.piper_model is not None and wanted.piper_model.exists():
            beside = wanted.piper_model.with_name(f"{wanted.piper_model.name}.json")
            if not beside.exists():
                yield source.problem((*where, "piper_model"), f"{beside} does not exist", "Put it there", fatal=False)
            if not piper:
                yield source.problem((*where, "piper_model"), "piper is not installed", "Install voicebot[voice-en]", fatal=False)
        if not espeak and not (piper and model):
            what = "espeak-ng is not installed, so prompts without a recording cannot be spoken"
            yield source.problem(where, what, "Install the package espeak-ng, or give a piper_model", fatal=False)


def _handles(settings: Settings, source: Source, machine: Machine) -> Iterator[SettingProblem]:
    """Open files, of which each process has so many."""
    calls, connections = settings.limits.max_calls, settings.web.limits.max_connections
    needs: list[tuple[Where, str, int]] = [(("limits", "max_calls"), f"{calls} calls", _HANDLES + _HANDLES_A_CALL * calls)]
    if settings.web.enabled:
        needs.append((("web", "limits", "max_connections"), f"{connections} connections", _HANDLES + connections))
    allowed = machine.handles()
    for where, what, needed in needs:
        if allowed != resource.RLIM_INFINITY and allowed < needed:
            what = f"{what} need about {needed} open files, and {allowed} are allowed"
            yield source.problem(where, what, f"Allow more: ulimit -Hn {needed}, or in systemd LimitNOFILE={needed}", fatal=False)


def _secrets_open(settings: Settings, source: Source) -> Iterator[SettingProblem]:
    """A secret in a file that anybody on the machine may read."""
    webhook = settings.handoff.webhook
    urls: dict[Where, Secret[Any] | None] = {
        ("state", "redis_url"): settings.state.redis_url,
        ("nlu", "rasa_url"): settings.nlu.rasa_url,
        ("handoff", "webhook", "url"): webhook.url if webhook else None,
    }
    with_password: dict[Where, Secret[Any]] = {
        where: url for where, url in urls.items() if url is not None and "@" in str(url.get_secret_value())
    }
    secrets: dict[Where, SecretStr | Secret[Any] | None] = {
        ("web", "token"): settings.web.token,
        ("state", "secret"): settings.state.secret,
        ("nlu", "rasa_token"): settings.nlu.rasa_token,
        ("records", "database_url"): settings.records.database_url,
        ("handoff", "webhook", "secret"): webhook.secret if webhook else None,
        **{
            ("sip", "trunks", name, part, "password"): section.password
            for name, trunk in settings.sip.trunks.items()
            for part, section in (("registration", trunk.registration), ("digest", trunk.digest))
            if section is not None
        },
    }
    written = [
        where for where, secret in {**secrets, **with_password}.items() if secret is not None and source.variable(where) is None
    ]
    path = Path(source.name)
    if written and path.exists() and path.stat().st_mode & 0o007:
        yield source.problem(written[0], "is a secret in a file that anybody may read", f"Run: chmod o= {path}", fatal=False)
