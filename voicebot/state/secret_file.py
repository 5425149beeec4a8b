"""Secrets nobody configured: made once, kept in a file that only we may read."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from voicebot.errors import ConfigError
from voicebot.files import private_folder, write_new, write_whole

_OCTETS = 32
_SECRET = re.compile(r"[!-~]+")


def new_secret() -> str:
    """256 random bits, as text."""
    return secrets.token_urlsafe(_OCTETS)


def kept_secret(path: Path) -> str:
    """The secret in `path`, made now when there is none. The file's mode is 600; one that others may read is refused.

    Of several processes that make it at once, all get the same. Raises ConfigError, which says what to do.
    """
    found = read_secret(path)
    if found is not None:
        return found
    secret = new_secret()
    try:
        private_folder(path.parent)
        made = write_new(path, secret + "\n")
    except OSError as error:
        raise _unkept(path, error) from error
    return secret if made else _read(path)


def keep_secret(path: Path, secret: str) -> None:
    """Put this secret into `path`, in place of what is there. Raises ConfigError."""
    try:
        private_folder(path.parent)
        write_whole(path, secret + "\n")
    except OSError as error:
        raise _unkept(path, error) from error


def read_secret(path: Path) -> str | None:
    """The secret in `path`, None when there is no such file. Raises ConfigError."""
    return _read(path) if path.exists() else None


def _unkept(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{path}: a secret cannot be kept there: {error.strerror}. Set state.data_dir to a writable folder with room."
    )


def _read(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(
                f"{path}: others may read this secret. Run: chmod 600 {path} (or delete it, and a new one is made)."
            )
        secret = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise ConfigError(f"{path}: the secret cannot be read: {error.strerror}. Make it ours, or delete it.") from error
    if not secret:
        raise ConfigError(f"{path}: the secret is empty. Delete the file, and a new one is made.")
    if not _SECRET.fullmatch(secret):
        raise ConfigError(f"{path}: this is no secret: the file is damaged. Delete it, and a new one is made.")
    return secret
