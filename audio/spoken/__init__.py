"""Typed values in words, as people say them on the phone: `speak(kind, value, language)`. Pure; Polish and English."""

from .kinds import KINDS, LANGUAGES, speak

__all__ = ["KINDS", "LANGUAGES", "speak"]
