"""Secrets nobody configured: made once, kept in a file that only we may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from voicebot.errors import ConfigError

_OCTETS = 32


def kept_secret(path: Path) -> str:
    """The secret in `path`, made now when there is none. The file's mode is 600; one that others may read is refused.

    Raises ConfigError, which says what to do.
    """
    if path.exists():
        return _read(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise ConfigError(
            f"{path}: a secret cannot be kept there: {error.strerror}. Set state.data_dir to a writable folder."
        ) from error
    secret = secrets.token_urlsafe(_OCTETS)
    with os.fdopen(handle, "w") as file:
        file.write(secret + "\n")
    return secret


def _read(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(
                f"{path}: others may read this secret. Run: chmod 600 {path} (or delete it, and a new one is made)."
            )
        secret = path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"{path}: the secret cannot be read: {error.strerror}. Make it ours, or delete it.") from error
    if not secret:
        raise ConfigError(f"{path}: the secret is empty. Delete the file, and a new one is made.")
    return secret
