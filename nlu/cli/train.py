"""`voicebot nlu train`: make the models now, so that the service starts at once."""

from __future__ import annotations

import time

from nlu.cli.options import Cache, Language, PackFolder, Semantic, opened, progress, told_plainly


def train(pack: PackFolder = None, lang: Language = "pl,en", cache: Cache = None, semantic: Semantic = None) -> None:
    """Train the models of a pack (several languages with commas between) and keep them where the service looks."""
    with told_plainly():
        from nlu.loading import load

        chosen = opened(pack)
        for one in filter(None, (part.strip() for part in lang.split(","))):
            started = time.perf_counter()
            with progress(f"training {one}") as tell:
                classifier = load(chosen, [one], cache=cache, semantic=semantic, progress=tell)
            model = classifier.scorers[one].model
            heads = "words and sentence embeddings" if model.semantic_head is not None else "words only (no sentence embeddings)"
            print(
                f"{one}: {len(model.texts)} utterances, {len(model.classes)} labels, {heads}; out-of-fold accuracy "
                f"{model.measured.get('oof_accuracy', 0.0):.1%}; model {model.version}; {time.perf_counter() - started:.1f} s"
            )
