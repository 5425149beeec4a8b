"""Everything of a caller as files that a person and a program can read: JSON and WAV, in a folder or a ZIP archive."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from voicebot.files import FILE_MODE, FOLDER_MODE
from voicebot.handoff.callbacks import callback_codec
from voicebot.handoff.record import record_codec
from voicebot.person.finding import Found, PersonError

_README = """Everything that the telephone service keeps of this number.

report.json    what was found, and what is kept elsewhere
calls/         a file per call: facts in "call", what happened in "lines"; "t" is in seconds since the call began
recordings/    the sound of the calls: the caller left, the machine right
handoffs/      what the bank's adviser was shown
callbacks/     promises to call back
cases/         what our people were to do for you
shadow.json    what a trial of another understanding made of your words; it decided nothing
mails/         messages that you wrote, and what was made of them
memory.json    how you like to be spoken to, and where you were put through today
webhooks/      messages to the bank's systems that wait to be delivered
customers.json your entries in the directory of customers
"""


def export(found: Found, target: Path, *, notes: Sequence[str], now: datetime) -> int:
    """Write everything into the new ZIP or folder `target`, whole or not at all, readable by you only; how many files.

    Raises PersonError.
    """
    if target.exists():
        raise PersonError(f"{target}: is there already. Give another name with --to.")
    try:
        draft = Path(tempfile.mkdtemp(prefix=".voicebot-person-", dir=target.parent))
    except OSError as error:
        raise PersonError(f"{target.parent}: cannot be written: {error.strerror}. Give another place with --to.") from error
    try:
        folder = draft / "person"
        count = _write(found, folder, notes, now)
        if target.suffix == ".zip":
            _zip(folder, draft / "person.zip")
            os.rename(draft / "person.zip", target)
        else:
            os.rename(folder, target)
    except OSError as error:
        raise PersonError(f"{target}: cannot be written: {error.strerror}. Give a place with room with --to.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return count


def _write(found: Found, folder: Path, notes: Sequence[str], now: datetime) -> int:
    count = 0
    for name, content in _documents(found, notes, now):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        path.write_text(content, encoding="utf-8")
        path.chmod(FILE_MODE)
        count += 1
    for source in (path for call in found.calls.calls for path in call.files if path.suffix == ".wav"):
        path = folder / "recordings" / source.name
        path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        with suppress(FileNotFoundError):  # deleted by its age meanwhile
            shutil.copyfile(source, path)
            path.chmod(FILE_MODE)
            count += 1
    return count


def _documents(found: Found, notes: Sequence[str], now: datetime) -> Iterator[tuple[str, str]]:
    """Names and texts. A name is a number in order: ids may hold what no file's name can."""
    yield "README.txt", _README
    report = {"number": found.number, "made": now.isoformat(), "found": dict(found.counts()), "notes": list(notes)}
    yield "report.json", _json(report)
    for at, call in enumerate(found.calls.calls, 1):
        yield f"calls/{at:04}.json", _json({**call.record.encode(), "kept_in": call.place.value})
    for at, other in enumerate(found.calls.other_files, 1):
        with suppress(OSError, UnicodeDecodeError):
            yield f"calls/file-{at:04}.json", other.read_text(encoding="utf-8")
    for at, handoff in enumerate(found.handoffs, 1):
        yield f"handoffs/{at:04}.json", _json(record_codec.encode(handoff))
    for at, callback in enumerate(found.callbacks, 1):
        yield f"callbacks/{at:04}.json", _json(callback_codec.encode(callback))
    for at, case in enumerate(found.cases, 1):
        yield f"cases/{at:04}.json", _json(asdict(case))
    for at, mail in enumerate(found.mails, 1):
        yield f"mails/{at:04}.json", _json(asdict(mail))
    if found.calls.shadow:
        yield "shadow.json", _json([asdict(decision) for decision in found.calls.shadow])
    if found.memory is not None:
        yield "memory.json", _json(asdict(found.memory))
    for at, (_, delivery) in enumerate(found.undelivered, 1):
        yield f"webhooks/{at:04}.json", delivery.body
    if found.customers:
        yield "customers.json", _json([asdict(customer) for customer in found.customers])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)


def _zip(folder: Path, target: Path) -> None:
    with (
        os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE), "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder))
