"""Bringing a studio's files into a bundle: each matched to what it says, measured, mastered, kept, and noted in the texts' file.

A recording's file carries the hash of its sound in its name. So what is in the bundle is never overwritten, another sound is
another recording in the eyes of whoever approves, and the same files a second time change nothing. The texts name all of them
at once, after the last file: whatever ends an import before that, calls play what they played.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from audio.errors import RecordingRefused
from audio.studio.decoding import FOREIGN, READ, SAVE_AS
from audio.studio.mastering import Mastered, as_flac, holds, mastered
from dialogs.authoring.prompt_editing import Edited, note_recordings
from dialogs.authoring.recording_names import RecordingNames
from dialogs.data.bundle import RECORDINGS, Bundle
from dialogs.data.parts import words_of
from dialogs.data.prompts import PLACE
from voicebot.files import DRAFT, files_under, locked, shown, write_whole
from voicebot.pace import Told
from voicebot.prompts.editing import edit_texts
from voicebot.prompts.recording_list import Line

MOST_FILES = 5000
_SAFE = re.compile(r"\w[\w.\-]{0,120}")


class Fate(StrEnum):
    """What became of a file."""

    IMPORTED = "imported"
    UNCHANGED = "unchanged"
    """The bundle has this very sound."""
    REFUSED = "not imported"


@dataclass(frozen=True, slots=True)
class StudioFile:
    """One file of the studio. `line` is what it is a recording of, once that is known."""

    name: str
    fate: Fate
    what: str
    """The recording within the bundle, or the reason."""
    line: Line | None = None
    sound: Mastered | None = None
    doubts: tuple[str, ...] = ()


def files_of(sources: Sequence[Path]) -> list[Path]:
    """The files named, and those in the folders named, but for hidden ones: a Mac's archive has one beside each recording.

    Raises FileNotFoundError, and ValueError for too many.
    """
    found: list[Path] = []
    for source in sources:
        if source.is_dir():
            found += sorted(file for file in source.iterdir() if not file.name.startswith("."))
        elif source.exists() or source.is_symlink():
            found.append(source)
        else:
            raise FileNotFoundError(2, "no such file or folder", str(source))
    if len(found) > MOST_FILES:
        raise ValueError(f"{len(found)} files are too many at once: name folders with at most {MOST_FILES}")
    return found


@contextmanager
def importing(root: Path, *, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
    """One import into the bundle at a time, for `import_files` goes by the bundle as it was loaded. `waits` is called when
    another is under way. What one that was killed left half written is taken away. Raises OSError.
    """
    with locked(root) as free:
        if not free:
            waits()
    with locked(root, wait=True):
        for left in files_under(root / RECORDINGS, DRAFT):
            left.unlink(missing_ok=True)
        yield


def import_files(
    bundle: Bundle,
    lines: Sequence[Line],
    files: Sequence[Path],
    *,
    replace: bool = False,
    only: Line | None = None,
    told: Told = lambda done, total: None,
) -> list[StudioFile]:
    """Take recordings of `lines` (of one language) into the bundle's folder; `only` says what they are of, whatever their names.
    With `replace` they take the place of recordings that are there. Comments in the texts' file are kept.

    Raises BundleError, OSError; then, and after Ctrl-C, the bundle is as it was.
    """
    by_name = {line.name: line for line in lines}
    names = RecordingNames(by_name)
    meant = {file: (only.name,) if only else names.matches(file.stem) for file in files if only or _may_sound(file)}
    found = []
    taken: dict[str, Line] = {}
    with _all_or_nothing(bundle.root, taken):
        for done, file in enumerate(files, start=1):
            reason = _why_not(file, meant, by_name)
            looked_at = (
                StudioFile(shown(file.name), Fate.REFUSED, reason)
                if reason
                else _look_at(bundle, file, by_name[meant[file][0]], replace=replace)
            )
            found.append(looked_at)
            if looked_at.fate is Fate.IMPORTED and looked_at.line is not None and looked_at.sound is not None:
                taken[looked_at.what] = looked_at.line
                _write(bundle.root, looked_at.what, as_flac(looked_at.sound.sound))
            told(done, len(files))
        if taken:
            _note(bundle.root, taken)
    return found


def _note(root: Path, taken: Mapping[str, Line]) -> None:
    prompts = {line.name: recording for recording, line in taken.items() if not line.part}
    parts = {line.text: recording for recording, line in taken.items() if line.part}
    language = next(iter(taken.values())).language

    def noted() -> list[Edited]:
        for recording in taken:
            (root / recording).stat()  # somebody may have put another bundle in this one's place, as renewing a draft does
        return [note_recordings(root, language, prompts, parts)]

    edit_texts(root, noted)


@contextmanager
def _all_or_nothing(root: Path, taken: Mapping[str, Line]) -> Iterator[None]:
    """Take recordings away again, when the import ends before its time, unless they were there or a text names them."""
    before = {str(path.relative_to(root)) for path in files_under(root / RECORDINGS, "")}
    try:
        yield
    except BaseException:  # Ctrl-C, a full disk
        texts = "".join(path.read_text(encoding="utf-8") for path in (root / "prompts").glob("[!.]*.yml"))
        for recording in taken:
            if recording not in before and recording not in texts:
                (root / recording).unlink(missing_ok=True)
        raise


def _may_sound(file: Path) -> bool:
    """Whether its ending is one of sound, or it has none; else it is a text beside a recording, and no second recording."""
    return file.suffix.lower() in {"", *READ, *FOREIGN}


def _why_not(file: Path, meant: Mapping[Path, tuple[str, ...]], lines: Mapping[str, Line]) -> str:
    """Why the file's name is no name of a recording; "" when it is."""
    if file.is_dir():
        return "a folder: put the files of one language beside each other into one folder"
    if file not in meant:
        return f"no recording: {shown(file.suffix)} is no ending of a sound file; {SAVE_AS}"
    if not (ids := meant[file]):
        near = difflib.get_close_matches(file.stem.casefold(), lines, n=1, cutoff=0.6)
        return f"nothing to be recorded is called '{shown(file.stem)}'" + (f". Did you mean '{near[0]}'?" if near else "")
    if len(ids) > 1:
        return f"it may be {' or '.join(ids)}: name the file so, or say which with --as"
    twice = [other.name for other, others in meant.items() if others == ids]
    if len(twice) > 1:
        return f"'{ids[0]}' has more than one file here ({', '.join(sorted(map(shown, twice)))}): keep one"
    return ""


def _look_at(bundle: Bundle, file: Path, line: Line, *, replace: bool) -> StudioFile:
    """What becomes of the file; nothing is written."""
    if PLACE.search(line.text) or not _SAFE.fullmatch(line.name):
        return StudioFile(shown(file.name), Fate.REFUSED, f"'{line.name}' cannot be the name of a recording")
    try:
        sound = mastered(file, line.text, part=line.part)
    except RecordingRefused as error:
        return StudioFile(shown(file.name), Fate.REFUSED, str(error), line)
    doubts = sound.measured.doubts(line.text)
    recording = recording_name(line, sound)
    before = recording_of(bundle, line)
    if before == recording and holds(bundle.root / recording, sound.sound):
        return StudioFile(shown(file.name), Fate.UNCHANGED, recording, line, sound, doubts)
    if before not in (None, recording) and (bundle.root / before).is_file() and not replace:
        why = f"it has a recording, {before}: --replace takes this one"
        return StudioFile(shown(file.name), Fate.REFUSED, why, line, sound, doubts)
    return StudioFile(shown(file.name), Fate.IMPORTED, recording, line, sound, doubts)


def _write(root: Path, recording: str, content: bytes) -> None:
    """The whole file or nothing of it, readable by whoever reads the bundle."""
    target = root / recording
    for folder in (root / RECORDINGS, target.parent):
        if not folder.is_dir():
            folder.mkdir()
            shutil.copymode(root / "prompts", folder)
    write_whole(target, content, mode_of=root / "routes.yml")


def recording_name(line: Line, sound: Mastered) -> str:
    """Where the sound goes within the bundle; another sound goes elsewhere."""
    digest = hashlib.sha256(sound.sound.sample_rate.to_bytes(4, "big") + sound.sound.pcm).hexdigest()[:10]
    return f"{RECORDINGS}/{line.language}/{line.name}.{digest}.flac"


def recording_of(bundle: Bundle, line: Line) -> str | None:
    """The recording, within the bundle, that the texts' file names for this now."""
    file = bundle.prompts.files[line.language]
    if not line.part:
        spec = file.prompts.get(line.name)
        return spec.recording if spec is not None else None
    wanted = words_of(line.text)
    return next((recording for said, recording in file.parts.items() if words_of(said) == wanted), None)
