"""Errors of this package, each with a stable code for logs, records and metrics."""

from __future__ import annotations


class AudioError(Exception):
    """Base class."""

    code = "audio.failed"


class RecogniserError(AudioError):
    """The recogniser raised, hung or cannot be loaded."""

    code = "audio.recogniser"


class RecogniserBusy(RecogniserError):
    """All workers are busy and no more utterances may wait. Nothing is broken: the next utterance may succeed."""

    code = "audio.recogniser_busy"


class ModelError(RecogniserError):
    """A model file is missing, wrong or corrupt; the message says which, and what to do."""

    code = "audio.model"


class SynthesisError(AudioError):
    """The synthesiser is missing, died or took too long."""

    code = "audio.synthesis"


class PromptMissing(AudioError):
    """No text and no recording for a prompt in a language."""

    code = "audio.prompt_missing"


class RecordingRefused(AudioError):
    """A file of the studio that cannot be a prompt's recording; the message says why and what to do, and no path."""

    code = "audio.recording"
