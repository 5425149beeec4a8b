"""Text to intent: what a caller wants, how sure that is, and what to do about it.

Normalising of speech, numbers, features, the classifier, out-of-scope gates, dialogue acts, entities and the tools
operations people tune with. Imports nothing else of ours. The value types others build on are in `nlu.types`;
`load` gives the classifier.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nlu.understanding.classifier import Classifier
    from nlu.understanding.loading import load

__all__ = ["Classifier", "load"]

_HOMES = {"load": "nlu.understanding.loading", "Classifier": "nlu.understanding.classifier"}


def __getattr__(name: str) -> Any:
    """What is heavy to import comes when it is asked for (PEP 562): `voicebot --help` needs none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'nlu' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
