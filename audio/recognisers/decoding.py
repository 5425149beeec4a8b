"""Whisper on CTranslate2: one utterance in, readings out, with no more encoder context than the utterance needs.

Whisper was trained on 30 s windows and pads shorter speech with silence; most of its time goes there. The encoder takes a
shorter window as well, at a cost in accuracy that grows as the silence after the words shrinks (it starts to say them twice).
The context here is the utterance and some silence, from a floor upwards; a text that loops is decoded again with more.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import soxr
import tokenizers

from audio.errors import ModelError, RecogniserError
from audio.types import Reading

from .cleaning import is_hallucination, loops, unlooped
from .closed import chosen, expected
from .features import SAMPLE_RATE, Floats, log_mel
from .grammar import Grammar, grammar
from .pool import started_behind
from .settings import WHISPER_FILES

_SHORTEST_S = 0.1
_LONGEST_ANSWER_S = 6.0  # a row of digits may go on longer, and is read well as it is
LONGEST_S = 28.0  # one window of the model, less some silence


# Words of the trade, given to the model as if they had just been said: on lines a bank hears they cut word errors from 11.9 to
# 9.7 % (English, telephone band); on other speech they change little. Not used for closed questions, where they mislead.
BANK_PROMPTS: Mapping[str, str] = {
    "en": "A customer calls the bank hotline about a card, account, balance, transfer, BLIK, PIN, login, app, loan, instalment, "
    "mortgage, deposit, savings, funds, insurance, branch, cash machine, fee, complaint, fraud, company, leasing.",
    "pl": "Klient dzwoni na infolinię banku w sprawie: karta, konto, saldo, przelew, BLIK, PIN, logowanie, aplikacja, kredyt, "
    "rata, hipoteka, lokata, oszczędności, fundusze, ubezpieczenie, placówka, bankomat, opłata, reklamacja, oszustwo, firma, "
    "leasing.",
}


@dataclass(frozen=True, slots=True)
class WhisperSettings:
    """How to decode."""

    beam: int = 5
    readings: int = 3
    """How many are asked of the engine."""
    contexts_s: tuple[float, ...] = (8.0, 10.0, 12.0, 15.0, 20.0, 30.0)
    """Encoder contexts to choose from, by the length of the speech."""
    tail_s: float = 1.0
    """Silence that must fit into the context behind the speech."""
    tokens_per_s: float = 9.0
    """The longest text, by the length of the speech."""
    least_confidence: float = 0.12
    """A reading below is noise turned into words: coughs and hum stay below 0.12, the faintest right word was at 0.15."""
    choice_beam: int = 10
    """Writings of an answer to a closed question that are weighed against each other."""
    least_chosen: float = 0.3
    """An answer less likely is left to how the open reading sounds: below lie new matters said in one word."""
    least_chosen_asked: float = 0.45
    """The same where the model was given the question: every answer looks likelier then."""
    prompts: Mapping[str, str] = field(default_factory=lambda: BANK_PROMPTS)
    """Text given to the model as if just said, by language."""


@dataclass(frozen=True, slots=True)
class _Speech:
    """What the encoder made of an utterance, decoded once or twice."""

    encoded: Any
    seconds: float


class WhisperDecoder:
    """The model. Calls come from several threads at once; each runs on one core."""

    def __init__(self, folder: Path, *, workers: int, settings: WhisperSettings | None = None) -> None:
        """Load a faster-whisper (CTranslate2) folder: model.bin, config.json, tokenizer.json, vocabulary. Raises ModelError."""
        self.settings = settings or WhisperSettings()
        for name in WHISPER_FILES:
            if not (folder / name).is_file():
                raise ModelError(f"{folder} is no Whisper model for CTranslate2: {name} is missing: give a faster-whisper folder")
        try:
            self._model = started_behind(
                lambda: ctranslate2.models.Whisper(
                    str(folder), device="cpu", compute_type="int8", inter_threads=workers, intra_threads=1
                )
            )
            self._tokens = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # both libraries raise bare RuntimeError and Exception
            raise ModelError(f"the Whisper model in {folder} cannot be loaded ({error}): fetch or copy it again") from error
        self._bands = int(self._model.n_mels)
        self._suppressed: dict[tuple[str, ...], list[int]] = {}

    def readings(self, pcm: bytes, sample_rate: int, language: str, expect: str = "open") -> tuple[Reading, ...]:
        """Readings of 16-bit mono PCM, best first; none when nothing was said. Raises RecogniserError for a language it lacks."""
        allowed = grammar(expect, language)
        prompt = self._prompt(language, "" if allowed else self.settings.prompts.get(language, ""))
        pieces = split(to_whisper(pcm, sample_rate))
        found = [self._piece(piece, prompt, language, allowed if len(pieces) == 1 else None) for piece in pieces]
        if len(found) == 1:
            return found[0]
        best = [readings[0] for readings in found if readings]
        if not best:
            return ()
        return (Reading(" ".join(reading.text for reading in best), min(reading.confidence for reading in best)),)

    def _piece(self, samples: Floats, prompt: list[int], language: str, allowed: Grammar | None) -> tuple[Reading, ...]:
        length = len(samples) / SAMPLE_RATE
        if length < _SHORTEST_S:
            return ()
        contexts = self.settings.contexts_s
        context = next((seconds for seconds in contexts if seconds >= length + self.settings.tail_s), contexts[-1])
        speech = self._encoded(samples, context)
        readings = self._decode(speech, prompt)
        wider = next((seconds for seconds in contexts if seconds >= context + 5), None)
        if wider and readings and loops(readings[0].text):
            readings = self._decode(self._encoded(samples, wider), prompt)
        likely = _tidied(reading for reading in readings if reading.confidence >= self.settings.least_confidence)
        return self._answer(speech, language, likely, allowed) if allowed else likely

    def _answer(self, speech: _Speech, language: str, readings: Sequence[Reading], allowed: Grammar) -> tuple[Reading, ...]:
        """To a closed question: decoded again with nothing but the words of its answers, where what was said is not long."""
        near = expected(readings, allowed)
        if speech.seconds > _LONGEST_ANSWER_S:
            return near
        writings = self._generated(
            speech,
            self._prompt(language, allowed.question),
            beam_size=self.settings.choice_beam,
            num_hypotheses=self.settings.choice_beam,
            length_penalty=0,  # the probability of the whole writing: else two words look as likely as one
            suppress_tokens=self._others(allowed),
        )
        answer = chosen(((reading.text, reading.confidence) for reading in writings), allowed)
        least = self.settings.least_chosen_asked if allowed.question else self.settings.least_chosen
        if answer is None or answer.confidence < least:
            return near
        return (answer, *(reading for reading in near if reading.text != answer.text))

    def _others(self, allowed: Grammar) -> list[int]:
        """Tokens that no writing of an answer has."""
        if allowed.phrases not in self._suppressed:
            plain = [*allowed.phrases, *allowed.figures.values()]
            forms = [form + end for text in plain for form in (text, text[0].upper() + text[1:]) for end in ("", ".", "!")]
            texts = [*forms, *(" " + form for form in forms)]
            kept = {ids for one in self._tokens.encode_batch(texts, add_special_tokens=False) for ids in one.ids}
            kept.add(self._id("<|endoftext|>"))
            self._suppressed[allowed.phrases] = [id_ for id_ in range(self._tokens.get_vocab_size()) if id_ not in kept]
        return self._suppressed[allowed.phrases]

    def _decode(self, speech: _Speech, prompt: list[int]) -> tuple[Reading, ...]:
        settings = self.settings
        return self._generated(speech, prompt, beam_size=settings.beam, num_hypotheses=min(settings.readings, settings.beam))

    def _encoded(self, samples: Floats, context_s: float) -> _Speech:
        mel = log_mel(samples, context_s, self._bands)
        encoded = self._model.encode(ctranslate2.StorageView.from_array(mel[None]))
        return _Speech(encoded, len(samples) / SAMPLE_RATE)

    def _generated(self, speech: _Speech, prompt: list[int], **how: Any) -> tuple[Reading, ...]:
        limit = len(prompt) + 8 + math.ceil(self.settings.tokens_per_s * speech.seconds)
        result = self._model.generate(
            speech.encoded,
            [prompt],
            max_length=min(limit, 448),
            return_scores=True,
            return_no_speech_prob=True,
            **how,
        )[0]
        heard = 1.0 - float(result.no_speech_prob)
        return tuple(
            Reading(self._tokens.decode(ids).strip(), round(math.exp(score) * heard, 4))
            for ids, score in zip(result.sequences_ids, result.scores, strict=True)
        )

    def _prompt(self, language: str, before: str) -> list[int]:
        marks = ["<|startoftranscript|>", f"<|{language}|>", "<|transcribe|>", "<|notimestamps|>"]
        ids = [self._id(mark) for mark in marks]
        if not before:
            return ids
        return [self._id("<|startofprev|>"), *self._tokens.encode(" " + before, add_special_tokens=False).ids, *ids]

    def _id(self, mark: str) -> int:
        found: int | None = self._tokens.token_to_id(mark)
        if found is None:
            raise RecogniserError(f"this Whisper model does not know {mark}: choose a multilingual one")
        return found


def to_whisper(pcm: bytes, sample_rate: int) -> Floats:
    """16-bit PCM as 16 kHz floats in -1..1."""
    samples: Floats = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)
    if sample_rate == SAMPLE_RATE:
        return samples
    resampled: Floats = soxr.resample(samples, sample_rate, SAMPLE_RATE, quality="HQ")
    return resampled


def split(samples: Floats, longest_s: float = LONGEST_S) -> Sequence[Floats]:
    """Pieces of at most `longest_s`, cut at the quietest fifth of a second of the last third of each."""
    longest, frame = round(longest_s * SAMPLE_RATE), SAMPLE_RATE // 5
    pieces = []
    while len(samples) > longest:
        first = longest * 2 // 3
        frames = samples[first : first + (longest - first) // frame * frame].reshape(-1, frame)
        cut = first + int(np.argmin((frames**2).sum(axis=1))) * frame + frame // 2
        pieces.append(samples[:cut])
        samples = samples[cut:]
    return [*pieces, samples]


def _tidied(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """Without loops, made-up subtitles, readings that say the same words as a better one, or that say another one twice."""
    kept: dict[str, Reading] = {}
    for reading in readings:
        text = unlooped(reading.text)
        letters = "".join(letter for letter in text.casefold() if letter.isalnum())
        if letters and not is_hallucination(text):
            kept.setdefault(letters, Reading(text, reading.confidence))
    return tuple(reading for letters, reading in kept.items() if not _doubled(letters, kept))


def _doubled(letters: str, others: Collection[str]) -> bool:
    half = len(letters) // 2
    return letters[:half] == letters[half:] and letters[:half] in others
