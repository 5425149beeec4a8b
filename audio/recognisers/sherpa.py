"""sherpa-onnx (next-generation Kaldi): streaming transducers, and models that hear whole utterances (NeMo, Whisper), in ONNX.

The library ends the process (`exit(-1)`) when a model's metadata are not what it expects. So a model is first tried in a process
of its own, and only loaded here when it came through. Audio of any rate goes in; it is brought to 16 kHz here, since sherpa would
write a line to standard error for every call; so it would for every hotword that it cannot spell.
"""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from audio.checksums import differing
from audio.errors import ModelError
from audio.loudness import to_floats
from audio.resample import StreamResampler
from audio.types import UNSTATED, Reading

from .cleaning import is_hallucination, unlooped
from .closed import expected
from .decoding import split, to_whisper
from .features import SAMPLE_RATE
from .grammar import grammar
from .pool import DecodePool, started_behind
from .settings import SHERPA_FILES, SherpaKind
from .streaming import HearingStream

_log = logging.getLogger(__name__)

_TAIL_S = 0.5  # of silence behind the last word, for a streaming model looks ahead
_TRIAL_S = 180.0  # a model of 600 MB loads in seconds; from a slow disk in more
_MOST_NAMED = 20
_DURATIONS = 8  # a TDT model tells of its tokens, and of as many durations at most


class SherpaRecogniser:
    """A streaming model and one pool of workers for all calls: it hears while the caller speaks."""

    name = "sherpa"

    def __init__(self, folder: Path, pool: DecodePool, *, hotwords: Sequence[str] = ()) -> None:
        """Load the transducer in `folder`. `hotwords` are words and phrases to expect more than others.

        Raises ModelError.
        """
        self._engine = load_engine(folder, "streaming_transducer", hotwords)
        self._pool = pool

    def open(
        self,
        *,
        language: str,
        sample_rate: int,
        expect: str = "open",
        on_partial: Callable[[str], None] | None = None,
    ) -> HearingStream:
        """See `audio.types.Recogniser`."""
        return HearingStream(
            lambda: SherpaListener(self._engine, sample_rate, language, expect),
            self._pool,
            sample_rate,
            on_partial,
        )

    def close(self) -> None:
        """See `audio.types.Recogniser`. The model is freed when the last stream is gone."""
        self._pool.close()


class SherpaListener:
    """A streaming model's state of one utterance. See `streaming.Listener`."""

    def __init__(self, engine: Any, sample_rate: int, language: str, expect: str) -> None:
        self._engine = engine
        self._stream = engine.create_stream()
        self._wide = StreamResampler(sample_rate, SAMPLE_RATE) if sample_rate != SAMPLE_RATE else None
        self._allowed = grammar(expect, language)

    def hear(self, pcm: bytes) -> str:
        """See `streaming.Listener`."""
        self._accept(self._wide.feed(pcm) if self._wide else pcm)
        self._decode()
        return _tidy(self._engine.get_result_all(self._stream).text)

    def conclude(self) -> tuple[Reading, ...]:
        """See `streaming.Listener`."""
        self._accept((self._wide.finish() if self._wide else b"") + bytes(2 * round(_TAIL_S * SAMPLE_RATE)))
        self._stream.input_finished()
        self._decode()
        result = self._engine.get_result_all(self._stream)
        readings = _readings(result.text, result.ys_probs)
        return expected(readings, self._allowed) if self._allowed else readings

    def _accept(self, pcm: bytes) -> None:
        if pcm:
            self._stream.accept_waveform(SAMPLE_RATE, to_floats(pcm))

    def _decode(self) -> None:
        while self._engine.is_ready(self._stream):
            self._engine.decode_stream(self._stream)


class SherpaDecoder:
    """A model that hears whole utterances. See `whisper.Decoder`."""

    def __init__(self, folder: Path, kind: SherpaKind, *, language: str = "", hotwords: Sequence[str] = ()) -> None:
        """Load the model in `folder`. `language` is needed by Whisper alone: without it the model guesses. Raises ModelError."""
        self._engine = load_engine(folder, kind, hotwords, language)
        self._alone = threading.Lock() if kind == "whisper" else None  # its decoder shares what it is set to

    def readings(self, pcm: bytes, sample_rate: int, language: str, expect: str = "open") -> tuple[Reading, ...]:
        """See `whisper.Decoder`."""
        found = [reading for piece in split(to_whisper(pcm, sample_rate)) if len(piece) for reading in self._piece(piece)]
        if not found:
            return ()
        whole = Reading(" ".join(one.text for one in found), min(one.confidence for one in found))
        allowed = grammar(expect, language)
        return expected((whole,), allowed) if allowed else (whole,)

    def _piece(self, samples: Any) -> tuple[Reading, ...]:
        stream = self._engine.create_stream()
        stream.accept_waveform(SAMPLE_RATE, samples)
        if self._alone is None:
            self._engine.decode_stream(stream)
            return _readings(stream.result.text, stream.result.ys_log_probs)
        with self._alone:
            self._engine.decode_stream(stream)
        text = unlooped(stream.result.text)
        return () if is_hallucination(text) else _readings(text, ())


def load_engine(folder: Path, kind: SherpaKind, hotwords: Sequence[str] = (), language: str = "") -> Any:
    """The engine with its model, one thread for each decode. Tried in a process of its own before: takes twice as long to load.
    Hotwords that the model cannot spell are logged, and left out.

    Raises ModelError, which names the file where that is known.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder} is no folder: unpack a sherpa-onnx model there, or correct the path")
    for pattern in SHERPA_FILES[kind]:
        if _file(folder, pattern) is None:
            raise ModelError(
                f"{folder} is no {kind} model of sherpa-onnx: {pattern} is missing: fetch it again, or correct path or kind"
            )
    if hotwords and kind not in ("streaming_transducer", "transducer", "nemo_transducer"):
        raise ModelError(f"a {kind} model takes no hotwords: leave them out, or choose a transducer")
    if hotwords and not (folder / "bpe.vocab").is_file():
        raise ModelError(f"{folder} has no bpe.vocab, which hotwords are split with: put it there, or leave them out")
    if (wrong := differing(folder)) is not None:
        raise ModelError(f"the sherpa-onnx model in {folder} is not as it was fetched ({wrong}): fetch it again")
    spelled = _try(folder, kind, language, hotwords)
    if strange := [word for word, spelling in zip(hotwords, spelled, strict=True) if not spelling]:
        named = ", ".join(strange[:_MOST_NAMED]) + (", …" if len(strange) > _MOST_NAMED else "")
        _log.warning("%d of %d hotwords cannot be spelled by the model in %s: %s", len(strange), len(hotwords), folder, named)
    wanted = list(filter(None, spelled))
    try:
        return started_behind(lambda: _made(folder, kind, language, wanted or None))
    except Exception as error:  # it came through a moment ago: memory, most likely
        raise ModelError(f"the {kind} model in {folder} cannot be loaded ({error}): give the machine more memory") from error


def _try(folder: Path, kind: SherpaKind, language: str, hotwords: Sequence[str]) -> list[str]:
    """Load the model in a process of its own; how it spells each hotword, "" where it cannot."""
    command = (sys.executable, "-m", "audio.recognisers.sherpa", str(folder), kind, language)
    given = json.dumps(hotwords)
    try:
        tried = subprocess.run(
            command, input=given, capture_output=True, text=True, errors="replace", timeout=_TRIAL_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ModelError(
            f"the model in {folder} did not load within {_TRIAL_S:g} s: give a smaller one, or a faster disk"
        ) from None
    told = tried.stdout.splitlines()[-1:]
    if tried.returncode or not told:
        lines = [line.strip() for line in tried.stderr.splitlines() if line.strip()]
        why = lines[-1][-300:] if lines else f"it ended the process with {tried.returncode}"
        raise ModelError(f"the {kind} model in {folder} cannot be loaded ({why}): fetch or copy it again, or correct kind")
    spelled: list[str] = json.loads(told[0])
    return spelled


def _made(folder: Path, kind: SherpaKind, language: str, hotwords: Sequence[str] | None) -> Any:
    """`hotwords` are those that the model can spell; with none of them it can be asked for more (`_spelled`)."""
    import sherpa_onnx

    files = [str(_file(folder, pattern)) for pattern in SHERPA_FILES[kind]]
    more: dict[str, str] = {}
    if hotwords is not None:
        more = {"decoding_method": "modified_beam_search", "modeling_unit": "bpe", "bpe_vocab": str(folder / "bpe.vocab")}
    if hotwords:  # for all utterances at once: of thousands it takes a tenth of a second
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
            file.write("\n".join(hotwords))
            file.flush()
            return _transducer(kind, files, {**more, "hotwords_file": file.name})
    if kind == "whisper":
        encoder, decoder, tokens = files
        return sherpa_onnx.OfflineRecognizer.from_whisper(encoder, decoder, tokens, language=language, num_threads=1)
    if kind == "nemo_ctc":
        model, tokens = files
        return sherpa_onnx.OfflineRecognizer.from_nemo_ctc(model, tokens, num_threads=1)
    return _transducer(kind, files, more)


def _transducer(kind: SherpaKind, files: Sequence[str], more: Mapping[str, str]) -> Any:
    import sherpa_onnx

    encoder, decoder, joiner, tokens = files
    if kind == "streaming_transducer":
        return sherpa_onnx.OnlineRecognizer.from_transducer(tokens, encoder, decoder, joiner, num_threads=1, **more)
    return sherpa_onnx.OfflineRecognizer.from_transducer(encoder, decoder, joiner, tokens, num_threads=1, model_type=kind, **more)


def _file(folder: Path, pattern: str) -> Path | None:
    """The file of this name; the smaller and faster int8 one where there are two."""
    found = sorted(folder.glob(pattern), key=lambda path: (".int8." not in path.name, path.name))
    return found[0] if found else None


def _readings(text: str, log_probabilities: Sequence[float]) -> tuple[Reading, ...]:
    """The one reading that sherpa tells; its confidence is the mean probability of its tokens (geometric), where it tells those.

    Tokens of a hotword come with its bonus, above certainty: they count as certain.
    """
    tidy = _tidy(text)
    if not any(map(str.isalnum, tidy)):
        return ()
    logs = [min(0.0, each) for each in log_probabilities]
    return (Reading(tidy, round(math.exp(sum(logs) / len(logs)), 4) if logs else UNSTATED),)


def _tidy(text: str) -> str:
    """Without the spaces around; lower case where the model knows upper case only."""
    text = text.strip()
    return text.lower() if text.isupper() else text


def _check_tokens(folder: Path, kind: SherpaKind) -> None:
    """The library believes any list of tokens, and fails at the first that it lacks. Ends the process with the reason."""
    *_, last, tokens = (_file(folder, pattern) or folder for pattern in SHERPA_FILES[kind])
    numbers = {line.rpartition(" ")[2] for line in tokens.read_text(encoding="utf-8", errors="replace").splitlines()}
    missing = next((number for number in range(_tokens_told(last, kind)) if str(number) not in numbers), None)
    if missing is not None:
        sys.exit(f"{tokens.name} has no token {missing}, which the model knows: it is of another model, or cut off")


def _tokens_told(last: Path, kind: SherpaKind) -> int:
    """How many tokens this last part of a model can tell at least."""
    import onnxruntime

    if kind == "whisper":  # its marks stand in no list
        return 2
    size = onnxruntime.InferenceSession(str(last), providers=["CPUExecutionProvider"]).get_outputs()[0].shape[-1]
    told = size if isinstance(size, int) else 0  # else it is a name, for any number
    return max(2, told - _DURATIONS if kind == "nemo_transducer" else told)


def _spelled(engine: Any, tokens: Path, hotwords: Sequence[str]) -> Iterator[str]:
    """Each hotword as the tokens can spell it: as it is, else without marks, or in the letters of one size that a model may know;
    "" where none of these can be.
    """
    letters = {*" ", *tokens.read_text(encoding="utf-8", errors="replace")}  # one that is in no token would be taken for any
    with _complaints() as complained:
        for word in hotwords:
            bare = "".join(each if each.isalnum() or each == "'" else " " for each in word)
            written = (each for said in (word, bare) for each in (said, said.upper(), said.lower()))
            known = (each for each in written if set(each) <= letters)
            yield next((each for each in known if not complained(partial(engine.create_stream, each))), "")


@contextmanager
def _complaints() -> Iterator[Callable[[Callable[[], object]], bool]]:
    """Whether doing something makes the library write to standard error, where alone it tells of a hotword."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as told:

        def complained(do: Callable[[], object]) -> bool:
            before = os.fstat(told.fileno()).st_size
            do()
            return os.fstat(told.fileno()).st_size > before

        os.dup2(told.fileno(), 2)
        try:
            yield complained
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _trial(folder: Path, kind: SherpaKind, language: str, hotwords: Sequence[str]) -> None:
    """Load and decode half a second of nothing; whatever is wrong with the model ends this process."""
    _check_tokens(folder, kind)
    engine = _made(folder, kind, language, [] if hotwords else None)
    stream = engine.create_stream()
    stream.accept_waveform(SAMPLE_RATE, to_floats(bytes(SAMPLE_RATE)))
    if kind == "streaming_transducer":
        stream.input_finished()
        while engine.is_ready(stream):
            engine.decode_stream(stream)
    else:
        engine.decode_stream(stream)
    print(json.dumps(list(_spelled(engine, _file(folder, SHERPA_FILES[kind][-1]) or folder, hotwords))))


if __name__ == "__main__":
    _trial(Path(sys.argv[1]), sys.argv[2], sys.argv[3], json.load(sys.stdin))  # type: ignore[arg-type]
