"""Errors of sound, each with a stable code that logs, records and metrics carry."""

from __future__ import annotations


class AudioError(Exception):
    """Base of this room's errors."""

    code = "audio.failed"


class RecogniserError(AudioError):
    """The recogniser raised, hung or cannot be loaded."""

    code = "audio.recogniser"


class ModelError(RecogniserError):
    """A model file is missing, wrong or corrupt; the message says which, and the mend."""

    code = "audio.model"


class SynthesisError(AudioError):
    """The synthesiser is missing, died or took too long."""

    code = "audio.synthesis"


class PromptMissing(AudioError):
    """No text and no recording for a prompt in a language."""

    code = "audio.prompt_missing"
