"""A bank's own recordings as a folder to measure on: the caller's turns that a person labelled, cut out of recorded calls.

A label says what a turn is about, and not that its words are right: they are a recogniser's. So they stand in the column `heard`,
and `text` is empty until somebody has listened and written it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from audio.loudness import Floats, to_pcm
from audio.vad import WINDOW_S, VoiceActivity, shared_session
from voicebot.files import DRAFT, FILE_MODE, erase, private_folder, write_whole
from voicebot.hearing.folder import TABLES, FolderError
from voicebot.records import schema
from voicebot.records.journal import HIDDEN_WORDS
from voicebot.records.models import CallRow, LineRow
from voicebot.review.models import LabelRow
from voicebot.review.store import NOT_UNDERSTANDABLE

HEAD = ("file", "text", "matter", "heard")
_UNFINISHED = ".unfinished"
"""A file that stands in the folder until all is written."""
_MARGIN_S = 0.3  # left on both sides of what was said
_SPEECH = 0.5
_LEAST_S, _LONGEST_S = 0.1, 30.0


class LeftOut(StrEnum):
    """Why a labelled turn is not in the folder."""

    MASKED = "something in it was masked"
    DISPUTED = "people do not agree on it, or did not understand it"
    LINE = "its line is not recorded any more"
    NO_RECORDING = "there is no recording"
    NO_TIMES = "its place in the recording is not known"
    NO_SPEECH = "no speech was found there"


@dataclass(frozen=True, slots=True)
class Turn:
    """One labelled turn, and when in its call it was: seconds from the start of the recording; None where it is not known."""

    call_id: str
    position: int
    line: str
    recording: Path | None
    heard: str
    matter: str
    between_s: tuple[float, float] | None


def labelled(engine: Engine, language: str) -> Iterator[tuple[Turn, LeftOut | None]]:
    """Labelled turns of a language, each with why it may not be used, oldest first. Raises what SQLAlchemy raises."""
    schema.ready(engine)
    chosen = (
        select(LabelRow, CallRow)
        .join(CallRow, CallRow.call_id == LabelRow.call_id)
        .where(LabelRow.language == language, LabelRow.text != "", CallRow.channel == "voice")
        .order_by(CallRow.started, LabelRow.call_id, LabelRow.position, LabelRow.seq)
    )
    with Session(engine) as session:
        turns: dict[tuple[str, int], list[tuple[LabelRow, CallRow]]] = {}
        for label, call in session.execute(chosen):
            turns.setdefault((label.call_id, label.position), []).append((label, call))
        for (call_id, position), given in turns.items():
            first, call = given[0]
            lines = select(LineRow).where(LineRow.call_id == call_id, LineRow.position <= position).order_by(LineRow.position)
            between = place([(line.t, line.data) for line in session.scalars(lines)])
            recording = Path(call.recording) if call.recording else None
            turn = Turn(call_id, position, call.line, recording, first.text, first.label, between)
            yield turn, _unfit(turn, [label.label for label, _ in given])


def place(lines: Sequence[tuple[float, Mapping[str, Any]]]) -> tuple[float, float] | None:
    """Between which seconds of the recording the last of these journal lines was said: what came since the turn before.

    A recording begins where the journal says "offered".
    """
    begun = next((t for t, data in lines if data.get("kind") == "offered"), None)
    if begun is None or lines[-1][1].get("type") != "Heard":
        return None
    before = [t for t, data in lines[:-1] if _ends_a_turn(data)]
    return max(0.0, (before[-1] if before else begun) - begun), lines[-1][0] - begun


def _ends_a_turn(data: Mapping[str, Any]) -> bool:
    heard = data.get("type") == "Heard" and data.get("final", True)
    return heard or data.get("type") == "KeyPressed" or data.get("kind") in ("ignored", "speech_lost")


def _unfit(turn: Turn, labels: Sequence[str]) -> LeftOut | None:
    if "<" in turn.heard or HIDDEN_WORDS in turn.heard or "[" in turn.heard:  # every mask has one of them
        return LeftOut.MASKED
    if len(set(labels)) > 1 or NOT_UNDERSTANDABLE in labels:
        return LeftOut.DISPUTED
    if turn.recording is None or not turn.recording.is_file():
        return LeftOut.NO_RECORDING
    return None if turn.between_s is not None else LeftOut.NO_TIMES


def spoken_part(samples: Floats, rate: int) -> Floats:
    """From the first to the last speech in these samples (n,), with a margin; none where there is none."""
    probabilities = VoiceActivity(shared_session(), rate).feed(to_pcm(samples))
    loud = np.flatnonzero(np.asarray(probabilities) >= _SPEECH)
    if not loud.size or (loud[-1] + 1 - loud[0]) * WINDOW_S < _LEAST_S:
        return samples[:0]
    first, last = loud[0] * WINDOW_S - _MARGIN_S, (loud[-1] + 1) * WINDOW_S + _MARGIN_S
    return samples[max(0, round(first * rate)) : round(last * rate)]


def collect(
    turns: Sequence[tuple[Turn, LeftOut | None]],
    folder: Path,
    *,
    recorded: Callable[[str], bool],
    tell: Callable[[str, float], None],
) -> tuple[int, Counter[LeftOut]]:
    """Write the new folder, for its owner alone; how many turns are in it, and how many are not and why. `recorded`: whether a
    line is recorded today. What an earlier run left that was killed is erased: it may not be used any more. Raises FolderError.
    """
    private_folder(folder)
    mark = folder / _UNFINISHED
    if mark.exists():
        _erase_sounds(folder)
    elif any(folder.iterdir()):
        raise FolderError(f"{folder} is not empty: name a new folder")
    mark.touch(mode=FILE_MODE)
    try:
        found = _write_all(turns, folder, recorded, tell)
    except BaseException:  # Ctrl-C, a full disk
        _erase_sounds(folder)
        mark.unlink()
        raise
    mark.unlink()
    return found


def _erase_sounds(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name.endswith((".wav", DRAFT)):
            erase(path)


def _write_all(
    turns: Sequence[tuple[Turn, LeftOut | None]],
    folder: Path,
    recorded: Callable[[str], bool],
    tell: Callable[[str, float], None],
) -> tuple[int, Counter[LeftOut]]:
    rows = [HEAD]
    left_out = Counter[LeftOut]()
    for number, (turn, why) in enumerate(turns):
        tell(f"turn {number + 1} of {len(turns)}", number / max(1, len(turns)))
        why = why or (None if recorded(turn.line) else LeftOut.LINE) or _write(turn, folder)
        if why is not None:
            left_out[why] += 1
            continue
        rows.append((_name(turn), "", turn.matter, " ".join(turn.heard.split())))
    write_whole(folder / TABLES[0], "".join("\t".join(row) + "\n" for row in rows))
    return len(rows) - 1, left_out


def _write(turn: Turn, folder: Path) -> LeftOut | None:
    between, recording = turn.between_s, turn.recording
    if between is None or recording is None:
        return LeftOut.NO_TIMES
    begin, end = between
    try:
        with soundfile.SoundFile(recording) as file:
            rate = int(file.samplerate)
            file.seek(min(round(max(begin, end - _LONGEST_S) * rate), file.frames))
            samples = file.read(round(min(end - begin, _LONGEST_S) * rate), dtype="float32", always_2d=True)
    except (OSError, RuntimeError):  # soundfile's error is a RuntimeError
        return LeftOut.NO_RECORDING
    part = spoken_part(np.ascontiguousarray(samples[:, 0]), rate)  # the caller is left
    if not len(part):
        return LeftOut.NO_SPEECH
    path = folder / _name(turn)
    path.touch(mode=FILE_MODE)
    soundfile.write(path, part, rate, subtype="PCM_16")
    return None


def _name(turn: Turn) -> str:
    return f"{turn.call_id}-{turn.position}.wav"
