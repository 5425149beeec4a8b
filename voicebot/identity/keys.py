"""Our own signing keys: a private JWKS in a file. The first signs, all of them are believed, the public halves are published.

A new key is put first and the old one stays until what it signed has expired; a key that was stolen is taken out, and what it
signed is refused from then on, by every process, at its next look.
"""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey

from caller_id.ticket import SigningKey
from voicebot.errors import ConfigError
from voicebot.files import locked, private_folder, write_new, write_whole

_OTHERS = 0o077


class SigningKeys:
    """The keys in `path`; a file that is missing is made when it is first needed. Raises ConfigError, which says what to do."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int, int], list[SigningKey]] | None = None

    @property
    def signing(self) -> SigningKey:
        """The key that signs."""
        return self.all[0]

    @property
    def believed(self) -> KeySet:
        """The keys whose signature counts."""
        return KeySet(list(self.all))

    @property
    def all(self) -> list[SigningKey]:
        """Every key, the one that signs first. The file is read again when it has changed."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._make()
            found = self._path.stat()
        except OSError as error:
            raise self._unusable(f"cannot be read: {error.strerror}") from error
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if self._read is None or self._read[0] != seen:
            if found.st_mode & _OTHERS:
                raise self._unusable(f"others may read these keys. Run: chmod 600 {self._path}, and rotate them")
            self._read = (seen, self._load())
        return self._read[1]

    def public(self) -> dict[str, Any]:
        """The JWKS for everybody: no private part is in it."""
        return {"keys": [each.as_dict(private=False) for each in self.all]}

    def rotate(self, algorithm: str = "Ed25519", *, keep: int = 2) -> str:
        """Put a new key first, and keep so many in all; the new one's kid."""
        _ = self.all
        with locked(self._path, wait=True):
            made = new_key(algorithm)
            self._write([made, *self._load()][:keep])
        return str(made.kid)

    def revoke(self, kid: str) -> None:
        """Take a key out; what it signed is refused from now on. A new one takes its place when it was the last."""
        _ = self.all
        with locked(self._path, wait=True):
            keys = self._load()
            if all(each.kid != kid for each in keys):
                raise ConfigError(f"{self._path}: there is no key {kid!r}. There are {', '.join(str(each.kid) for each in keys)}")
            left = [each for each in keys if each.kid != kid]
            self._write(left or [new_key()])

    def _make(self) -> None:
        try:
            private_folder(self._path.parent)
            write_new(self._path, _text([new_key()]))  # of several processes at once, one does
        except OSError as error:
            raise self._unusable(f"cannot be made: {error.strerror}") from error

    def _write(self, keys: list[SigningKey]) -> None:
        try:
            write_whole(self._path, _text(keys))
        except OSError as error:
            raise self._unusable(f"cannot be written: {error.strerror}") from error
        self._read = None

    def _load(self) -> list[SigningKey]:
        try:
            keys = [_private(each) for each in json.loads(self._path.read_text(encoding="utf-8"))["keys"]]
        except OSError as error:
            raise self._unusable(f"cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, JoseError) as error:
            raise self._unusable("is no private JWKS of Ed25519 and P-256 keys, each with kid and alg") from error
        if not keys:
            raise self._unusable("holds no key. Delete the file, and one is made")
        return keys

    def _unusable(self, why: str) -> ConfigError:
        return ConfigError(f"{self._path}: {why}.")


def new_key(algorithm: str = "Ed25519") -> SigningKey:
    """A new key with a kid of its own: the day, and something random."""
    named = {"kid": f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)}", "alg": algorithm, "use": "sig"}
    if algorithm == "Ed25519":
        return OKPKey.import_key({**OKPKey.generate_key("Ed25519").as_dict(private=True), **named})
    return ECKey.import_key({**ECKey.generate_key("P-256").as_dict(private=True), **named})


def _private(given: dict[str, Any]) -> SigningKey:
    kinds: dict[tuple[Any, Any], tuple[str, type[SigningKey]]] = {
        ("OKP", "Ed25519"): ("Ed25519", OKPKey),
        ("EC", "P-256"): ("ES256", ECKey),
    }
    algorithm, kind = kinds[given["kty"], given["crv"]]
    key = kind.import_key(given)
    if key.alg != algorithm or not isinstance(given["kid"], str) or not key.is_private:
        raise ValueError("alg, kid or the private part is missing")
    return key


def _text(keys: list[SigningKey]) -> str:
    return json.dumps({"keys": [each.as_dict(private=True) for each in keys]}, indent=1) + "\n"
