"""SHA-256 of files, and a folder's list of them as sha256sum writes it, so that what was fetched can be checked later."""

from __future__ import annotations

import hashlib
from pathlib import Path

BLOCK = 1 << 20
SUMS = "SHA256SUMS"


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_sums(folder: Path) -> None:
    """Record the SHA-256 of every file below `folder`. Raises OSError."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = [f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def read_sums(folder: Path) -> dict[str, str]:
    """What `write_sums` recorded, by file; empty when nothing was."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines) if name}


def differing(folder: Path) -> str | None:
    """The first recorded file that is missing or has changed, in words; None when all are as recorded. Raises OSError."""
    for name, expected in read_sums(folder).items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if sha256_of(path) != expected:
            return f"{name} has changed"
    return None
