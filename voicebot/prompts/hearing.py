"""Hearing a prompt before callers do: as a WAV file, and over G.711 if wanted."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from audio.errors import PromptMissing
from audio.prompt_store import PromptStore
from audio.synthesis import Sound, wav_of
from audio.telephone import through_a_law
from dialogs.data.bundle import Bundle
from dialogs.events import Prompt, Say
from voicebot.config.settings import Settings
from voicebot.prompts.recording_list import Line
from voicebot.prompts.speaking import Speaker
from voicebot.prompts.voices import voices_of

TELEPHONE_RATE, WIDE_RATE = 8000, 24_000
PLAYERS = (("pw-play",), ("paplay",), ("aplay", "-q"), ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"))
_LONGEST_S = 150.0


class ValuesMissing(PromptMissing):
    """The text holds values that were not given; the message names them."""


async def heard(
    settings: Settings, bundle: Bundle, prompt_id: str, language: str, values: Mapping[str, str], *, telephone: bool
) -> bytes:
    """The prompt as a WAV file (16-bit mono), recorded, joined or synthesised as callers hear it today. With `telephone` at 8 kHz
    after A-law. Raises PromptMissing, ValueError for a value that is none of its kind, AudioError.
    """
    now = datetime.now(UTC)
    if not bundle.prompts.has(prompt_id, language):
        raise PromptMissing(f"there is no prompt '{prompt_id}' in '{language}'; see voicebot prompts list")
    prompt = Prompt(prompt_id, tuple(values.items()))
    wanted = dict(bundle.prompts.places(prompt_id, language))
    if wanted.keys() <= values.keys():
        try:
            wanted |= dict(bundle.text(prompt, language, now).places)  # a text within it may hold values too
        except RecursionError as error:
            raise ValuesMissing(f"'{prompt_id}' would be a part of itself") from error
    if missing := [f"--value {name}=…" for name in wanted if name not in values]:
        raise ValuesMissing(f"'{prompt_id}' holds values: give {' '.join(missing)}")
    spoken = dict.fromkeys((language, bundle.prompts.default_language))
    store = PromptStore(None, {each: voices_of(each, settings) for each in spoken})
    rate = TELEPHONE_RATE if telephone else WIDE_RATE
    try:
        pcm = await Speaker(bundle, store, clock=lambda: now).pcm(Say((prompt,), language, "hear"), rate)
    finally:
        await store.close()
    return _file_of(pcm, telephone=telephone)


async def part_heard(bundle: Bundle, line: Line, recording: str, *, telephone: bool) -> bytes:
    """A recorded part of sentences, alone, as a WAV file. Raises PromptMissing when it cannot be played."""
    rate = TELEPHONE_RATE if telephone else WIDE_RATE
    pcm = await PromptStore(None, {}).pcm("", line.language, rate, recording=bundle.root / recording)
    return _file_of(pcm, telephone=telephone)


def _file_of(pcm: bytes, *, telephone: bool) -> bytes:
    return wav_of(Sound(through_a_law(pcm), TELEPHONE_RATE) if telephone else Sound(pcm, WIDE_RATE))


def play(path: Path) -> bool:
    """Play a WAV file by the first player of this machine; False when there is none, or it fails."""
    for program, *options in PLAYERS:
        if (found := shutil.which(program)) is not None:
            try:
                return subprocess.run([found, *options, str(path.resolve())], check=False, timeout=_LONGEST_S).returncode == 0
            except (OSError, subprocess.TimeoutExpired):
                return False
    return False
