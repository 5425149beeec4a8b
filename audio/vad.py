"""Voice activity: Silero's network on one ONNX session for the whole process, its recurrent state kept per call.

A window is 32 ms (256 samples at 8 kHz, 512 at 16 kHz). The network also sees the last 4 ms of the window before it. What
silence costs: windows below the energy gate are not run at all, and the state is set back, as it is after two seconds of
clear non-speech, because long silence or noise shifts the state so far that the speech after it is found late.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from .errors import AudioError
from .resample import StreamResampler

WINDOW_S = 0.032
SAMPLE_RATES = (8000, 16000)

_GATE_DBFS = -65.0  # comfort noise lies below, the faintest speech that a caller expects to be heard lies above
_GATE_MEAN_SQUARE = 10 ** (_GATE_DBFS / 10)
_RESET_AFTER = round(2.0 / WINDOW_S)  # windows between two resets of the state
_RESET_QUIET = 5  # …which waits for this many windows in a row of clear non-speech (160 ms)
_QUIET = 0.1  # probability of clear non-speech

_Floats = npt.NDArray[np.float32]
_BLANK: _Floats = np.zeros((2, 1, 128), dtype=np.float32)  # shared by all calls and never written to
_BLANK.flags.writeable = False


class VadError(AudioError):
    """The voice activity model is missing or cannot be run."""

    code = "audio.vad"


def bundled_model() -> Path:
    """Where pipecat keeps `silero_vad.onnx`; pipecat itself is not imported. Raises VadError when it is not installed."""
    spec = importlib.util.find_spec("pipecat")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder, "audio", "vad", "data", "silero_vad.onnx")
        if path.is_file():
            return path
    raise VadError("silero_vad.onnx was not found inside the pipecat package: reinstall pipecat-ai, or give the model's path")


class VadSession:
    """The network, loaded once and shared by all calls. One thread: a window is too small to gain from more."""

    def __init__(self, model: Path | None = None) -> None:
        """Load `model`, by default the one inside pipecat. Raises VadError."""
        path = model or bundled_model()
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises a dozen unrelated classes for a bad file
            raise VadError(f"{path} is no voice activity model that can be loaded ({error}): put the file back") from error
        self._rates = {rate: np.array(rate, dtype=np.int64) for rate in SAMPLE_RATES}

    def run(self, windows: _Floats, state: _Floats, sample_rate: int) -> tuple[_Floats, _Floats]:
        """Probabilities (n,) and new state (2, n, 128) of `windows` (n, context + window samples, -1..1) of n calls."""
        inputs = {"input": windows, "state": state, "sr": self._rates[sample_rate]}
        probabilities, new_state = self._session.run(None, inputs)
        return probabilities[:, 0], new_state


@cache
def shared_session() -> VadSession:
    """The process's one session with the bundled model, loaded at the first call. Raises VadError."""
    return VadSession()


class VoiceActivity:
    """One call's voice activity. Feed what arrives; a probability comes back for every window completed by it."""

    def __init__(self, session: VadSession, sample_rate: int) -> None:
        """`sample_rate` is that of the PCM fed, in Hz; what is neither 8000 nor 16000 is resampled to 16000."""
        self.sample_rate = sample_rate
        self._rate = sample_rate if sample_rate in SAMPLE_RATES else max(SAMPLE_RATES)
        self._resampler = StreamResampler(sample_rate, self._rate) if sample_rate != self._rate else None
        self._session = session
        self._window = round(WINDOW_S * self._rate)
        self._context = self._window // 8
        self._waiting = bytearray()
        self._input = np.zeros((1, self._context + self._window), dtype=np.float32)
        self._state = _BLANK
        self._age = 0  # windows since the state was last blank
        self._quiet = 0  # windows of clear non-speech in a row

    def feed(self, pcm: bytes) -> list[float]:
        """16-bit mono PCM in, of any length; the probability of speech (0..1) of each complete window out, oldest first."""
        self._take(pcm)
        probabilities = []
        while self._slide():
            if self._loud():
                heard, self._state = self._session.run(self._input, self._state, self._rate)
                probabilities.append(self._judged(float(heard[0])))
            else:
                probabilities.append(self._judged(0.0))
        return probabilities

    def reset(self) -> None:
        """Forget everything heard, an incomplete window too."""
        self._waiting.clear()
        self._input[:] = 0
        self._state, self._age, self._quiet = _BLANK, 0, 0

    def _take(self, pcm: bytes) -> None:
        self._waiting += self._resampler.feed(pcm) if self._resampler else pcm

    def _slide(self) -> bool:
        """Move on to the next complete window; False when there is none."""
        size = 2 * self._window
        if len(self._waiting) < size:
            return False
        self._input[0, : self._context] = self._input[0, -self._context :]
        np.multiply(
            np.frombuffer(self._waiting[:size], dtype="<i2"), 1 / 32768, out=self._input[0, self._context :], casting="unsafe"
        )
        del self._waiting[:size]
        return True

    def _loud(self) -> bool:
        window = self._input[0, self._context :]
        return float(window @ window) > _GATE_MEAN_SQUARE * self._window

    def _judged(self, probability: float) -> float:
        """Take note of one window's probability, and blank the state when the rule above says so."""
        self._age += 1
        self._quiet = self._quiet + 1 if probability < _QUIET else 0
        if self._quiet >= _RESET_QUIET and (self._age >= _RESET_AFTER or probability == 0.0):
            self._state, self._age = _BLANK, 0
        return probability


def feed_together(calls: Sequence[tuple[VoiceActivity, bytes]]) -> list[list[float]]:
    """`feed` for several calls at once: a third of the cost from eight calls on. The calls share one session.

    Returns one list of probabilities a call, in the order given.
    """
    for activity, pcm in calls:
        activity._take(pcm)
    results: list[list[float]] = [[] for _ in calls]
    busy = [(activity, result) for (activity, _), result in zip(calls, results, strict=True)]
    while busy := [(activity, result) for activity, result in busy if activity._slide()]:
        for rate in SAMPLE_RATES:
            _judge_batch([pair for pair in busy if pair[0]._rate == rate])
    return results


def _judge_batch(batch: list[tuple[VoiceActivity, list[float]]]) -> None:
    loud: list[tuple[VoiceActivity, list[float]]] = []
    for activity, result in batch:
        if activity._loud():
            loud.append((activity, result))
        else:
            result.append(activity._judged(0.0))
    if not loud:
        return
    first = loud[0][0]
    windows = np.concatenate([activity._input for activity, _ in loud])
    states = np.concatenate([activity._state for activity, _ in loud], axis=1)
    heard, states = first._session.run(windows, states, first._rate)
    for index, (activity, result) in enumerate(loud):
        activity._state = states[:, index : index + 1]
        result.append(activity._judged(float(heard[index])))
