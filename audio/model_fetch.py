"""Downloading a model: in pieces that can be taken up again, its sha256 worked out, unpacked without leaving its folder."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from .checksums import sha256_of
from .errors import ModelError

_LARGEST = 8 << 30  # bytes a model may unpack to

Progress = Callable[[int, int], None]
"""Told (bytes so far, bytes in all; 0 when the server does not say)."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file to download and the name it gets."""

    url: str
    name: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: where it lies, its SHA-256 and its size in bytes."""

    path: Path
    sha256: str
    size: int


def download(file: RemoteFile, folder: Path, sha256: str | None, progress: Progress) -> Fetched:
    """`file` into `folder`, taken up where an earlier try was cut off if the server can tell that it is the same file.

    Raises ModelError when it cannot be reached or written, or its sum is not `sha256`; a wrong file is not kept.
    """
    partial = folder / f"{file.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _stream(file.url, partial, progress)
    except httpx.HTTPStatusError as error:
        raise ModelError(f"{file.url} answered {error.response.status_code}: check the address") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise ModelError(
            f"{file.url} cannot be reached ({reason}): fetch it on a machine that can, and give its address with --url"
        ) from error
    except OSError as error:
        raise ModelError(
            f"{file.name} cannot be written into {folder} ({error}): free some space, or give another folder"
        ) from error
    found, size = sha256_of(partial), partial.stat().st_size
    if sha256 and found != sha256.lower():
        _forget(partial)
        raise ModelError(f"{file.url} has sha256 {found}, not {sha256.lower()}: do not use it, ask who gave you the sum")
    path = partial.with_suffix("")
    partial.replace(path)
    _forget(partial)
    return Fetched(path, found, size)


def _stream(url: str, partial: Path, progress: Progress) -> None:
    have, headers = _resume(partial)
    with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=30.0) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            _forget(partial)  # it was complete, or belongs to another version: from the start
            _stream(url, partial, progress)
            return
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        done = have if resumed else 0
        length = int(response.headers.get("Content-Length", 0))
        total = done + length if length else 0
        if etag := response.headers.get("ETag"):
            _tag(partial).write_text(etag, encoding="utf-8")
        with partial.open("ab" if resumed else "wb") as out:
            for block in response.iter_raw():
                out.write(block)
                done += len(block)
                progress(done, total)


def _resume(partial: Path) -> tuple[int, dict[str, str]]:
    """How much is here of a file the server can recognise (RFC 9110, If-Range), and the headers to ask for the rest."""
    if not (partial.is_file() and _tag(partial).is_file()):
        return 0, {"Accept-Encoding": "identity"}
    if not (have := partial.stat().st_size):
        return 0, {"Accept-Encoding": "identity"}
    etag = _tag(partial).read_text(encoding="utf-8")
    return have, {"Accept-Encoding": "identity", "Range": f"bytes={have}-", "If-Range": etag}


def _tag(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.etag")


def _forget(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _tag(partial).unlink(missing_ok=True)


def unpack(archive: Path, place: Path) -> None:
    """The one folder of a zip or .tar.bz2 (or its files) becomes `place`, replacing what was there only when all is unpacked.

    Raises ModelError for an archive that is broken, too large, or would write outside of its folder; OSError.
    """
    room = place.with_name(f".{place.name}.unpacking")
    shutil.rmtree(room, ignore_errors=True)
    try:
        if archive.suffix == ".zip":
            _unzip(archive, room)
        else:
            _untar(archive, room)
        inside = list(room.iterdir())
        top = inside[0] if len(inside) == 1 and inside[0].is_dir() else room
        shutil.rmtree(place, ignore_errors=True)
        top.replace(place)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError) as error:
        raise ModelError(f"{archive.name} is no archive that can be unpacked ({error}): fetch it again") from error
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _unzip(archive: Path, room: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            _check(member.filename, stat.S_ISLNK(member.external_attr >> 16), archive)
        _check_size(sum(member.file_size for member in packed.infolist()), archive)
        packed.extractall(room)  # noqa: S202 (each name was checked)


def _untar(archive: Path, room: Path) -> None:
    with tarfile.open(archive, "r:bz2") as packed:
        members = packed.getmembers()
        for member in members:
            _check(member.name, not (member.isfile() or member.isdir()), archive)
        _check_size(sum(member.size for member in members), archive)
        packed.extractall(room, members, filter="data")


def _check_size(size: int, archive: Path) -> None:
    if size > _LARGEST:
        raise ModelError(f"{archive.name} would unpack to more than {_LARGEST >> 30} GB: it is no model")


def _check(name: str, linked: bool, archive: Path) -> None:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or linked:
        raise ModelError(f"{archive.name} holds {name!r}, which leads out of its folder: do not use it")
