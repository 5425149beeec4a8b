"""Reading the configuration, the bundle and the training data again while the service runs.

What is new is checked, and models are trained, in a process of its own: a mistake changes nothing, and training takes no time
from the calls. As a program it is that process: settings come by standard input, mistakes leave by standard output.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from caller_id.directory import DirectoryError
from dialogs.data.bundle import load_bundle
from dialogs.data.errors import BundleError
from nlu.errors import NluError
from voicebot.config.settings import Settings
from voicebot.errors import ConfigError, VoicebotError
from voicebot.identity.customers import import_configured
from voicebot.logs import configure_logs
from voicebot.understanding.service import load_understander

RELOADABLE = ("bundle", "nlu", "sip.trunks", "sip.peers", "sip.trusted", "recording", "customers.csv", "customers.most_lost")
"""Settings that calls which begin after a reload go by. All others need a restart."""

_PROGRAM = (sys.executable, "-m", "voicebot.reloading")
_NICE = 10


class ReloadError(VoicebotError):
    """Nothing was changed; the message says what is wrong, with file and line."""

    code = "config.reload"


def needs_restart(before: Settings, after: Settings) -> list[str]:
    """The settings, by their dotted names, that have changed and that a reload does not change."""
    return [
        name for name in _changed(before, after) if not any(name == each or name.startswith(f"{each}.") for each in RELOADABLE)
    ]


def _changed(before: object, after: object, name: str = "") -> Iterator[str]:
    if isinstance(before, BaseModel) and isinstance(after, BaseModel):  # `dict` would hold what a property has cached, too
        before, after = ({each: getattr(of, each) for each in type(of).model_fields} for of in (before, after))
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            yield from _changed(before.get(key), after.get(key), f"{name}.{key}" if name else str(key))
    elif before != after:
        yield name


async def prepare(settings: Settings) -> None:
    """Check what the settings name, and train what is not trained yet. Raises ReloadError."""
    child = await asyncio.create_subprocess_exec(
        *_PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        told, _ = await child.communicate(settings.as_json().encode())
    except BaseException:
        if child.returncode is None:
            child.kill()
            await child.wait()
        raise
    if child.returncode != 0:
        raise ReloadError(told.decode(errors="replace").strip() or f"the check ended with exit code {child.returncode}")


def check(settings: Settings) -> None:
    """Load everything once: the trained models stay in the cache, and a customers' file that has changed is imported, which the
    running service sees by itself. Raises ReloadError.
    """
    try:
        bundle = load_bundle(settings.bundle)
        load_understander(settings.nlu, bundle.prompts.languages)
        import_configured(settings)
    except (BundleError, NluError, ConfigError, DirectoryError) as error:
        raise ReloadError(str(error)) from error


def _main() -> int:
    os.nice(_NICE)
    data: Any = sys.stdin.buffer.read()
    settings = Settings.model_validate_json(data)
    configure_logs(level=settings.log.level, format=settings.log.format)  # to standard error, which is the service's log
    try:
        check(settings)
    except ReloadError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
