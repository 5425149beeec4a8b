"""`voicebot nlu predict`: one utterance a line from standard input, one JSON a line to standard output."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from nlu.cli.options import Cache, Language, PackFolder, Semantic, loaded, opened, progress, told_plainly

if TYPE_CHECKING:
    from nlu.types import Understanding


def predict(lang: Language = "pl", pack: PackFolder = None, cache: Cache = None, semantic: Semantic = None) -> None:
    """Understand one utterance a line from standard input; one JSON a line, written at once."""
    with told_plainly():
        from nlu.types import Hypothesis

        with progress(f"loading {lang}") as tell:
            classifier = loaded(opened(pack), lang, cache, semantic, tell)
        for raw in sys.stdin.buffer:
            said = raw.decode("utf-8", errors="replace").strip()
            print(json.dumps(as_json(classifier.understand([Hypothesis(said)], lang)), ensure_ascii=False), flush=True)


def as_json(found: Understanding) -> dict[str, Any]:
    """An understanding as the contract writes it (`act`: the dialogue act or None); confidences to four places."""
    return {
        "intent": found.intent,
        "confidence": round(found.confidence, 4),
        "decision": found.decision.value,
        "ranking": [{"intent": one.intent, "confidence": round(one.confidence, 4)} for one in found.ranking],
        "act": found.act.value if found.act else None,
        "choices": list(found.choices),
        "second": found.second,
        "language": found.language,
        "entities": [{"kind": one.kind, "value": one.value, "text": one.text} for one in found.entities],
    }
