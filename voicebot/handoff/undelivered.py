"""Webhook messages that cannot be delivered now, or could not be before the service stopped: kept on disk until they can."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from dialogs.wire import Codec
from voicebot.errors import HandOffError
from voicebot.files import private_folder, write_whole

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to deliver."""

    id: str
    """Stays the same however often it is tried."""
    body: str
    """JSON."""
    kept_since: float = 0.0
    """Unix time when it was first kept because its receiver did not take it; 0: not yet."""


_codec = Codec(Delivery)


def undelivered_folder(data_dir: Path, process: str) -> Path:
    """Where a process keeps its messages."""
    return data_dir / ("webhooks" if process == "calls" else f"webhooks-{process}")


def undelivered_folders(data_dir: Path) -> list[Path]:
    """Those that are there, of all processes."""
    return sorted(data_dir.glob("webhooks*"))


class Undelivered:
    """A folder with a file per message, readable by the service only. One file that cannot be read does not hide the others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, deliveries: Iterable[Delivery]) -> list[str]:
        """Keep them; the ids of those that could be kept."""
        return [delivery.id for delivery in deliveries if self.put(delivery) is not None]

    def put(self, delivery: Delivery) -> Path | None:
        """Keep one; its file, or None when it cannot be kept."""
        path = self._folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}.json"
        try:
            private_folder(self._folder)
            write_whole(path, _codec.to_text(delivery))
        except OSError as error:
            _log.error("a webhook message cannot be kept", code=HandOffError.code, id=delivery.id, error=error.strerror)
            return None
        return path

    def kept(self) -> Iterator[tuple[Path, Delivery]]:
        """The messages that are kept, with their files; what cannot be read is left out."""
        for path in sorted(self._folder.glob("*.json")):
            with suppress(OSError, ValueError):
                yield path, _codec.from_text(path.read_bytes())

    def count(self) -> int:
        """How many are kept."""
        return sum(1 for _ in self._folder.glob("*.json"))

    def take(self, most: int, without: Collection[Path] = ()) -> list[Delivery]:
        """The messages that have been kept the longest, `most` of them at most, none in files of `without`. They are not kept any
        more.
        """
        taken: list[Delivery] = []
        for path in sorted(set(self._folder.glob("*.json")).difference(without)):
            if len(taken) == most:
                break
            try:
                text = path.read_bytes()
                path.unlink()  # whoever deletes the file delivers the message: another process may be here, too
                taken.append(_codec.from_text(text))
            except (OSError, ValueError) as error:
                _log.error("a kept webhook message cannot be read", code=HandOffError.code, file=path.name, why=str(error))
        return taken
