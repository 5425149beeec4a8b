"""`voicebot nlu train`: make the models now, so that the service starts at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from nlu.cli.options import Cache, PackFolder, Semantic, opened, progress, told_plainly

if TYPE_CHECKING:
    from nlu.model.scorer import Model

Languages = Annotated[str | None, typer.Option("--lang", help="Languages, with commas between.", show_default="all of the pack")]
Afresh = Annotated[bool, typer.Option("--afresh", help="Train even when nothing has changed.")]


def train(
    pack: PackFolder = None, lang: Languages = None, afresh: Afresh = False, cache: Cache = None, semantic: Semantic = None
) -> None:
    """Train the models of a pack and keep them where the service looks."""
    with told_plainly():
        from nlu.model.store import default_cache
        from nlu.model.training import TrainingConfig
        from nlu.understanding.loading import Trainer, find_encoder

        chosen = opened(pack)
        languages = tuple(one.strip() for one in lang.split(",")) if lang else chosen.languages
        for one in languages:
            chosen.files(one)
        started = time.perf_counter()
        with progress("training") as tell:
            encoder = find_encoder(semantic)
            models = Trainer(chosen, languages, encoder, cache or default_cache(), TrainingConfig()).models(tell, afresh=afresh)
        for model in models.values():
            print(_told(model))
        print(f"{time.perf_counter() - started:.1f} s")


def _told(model: Model) -> str:
    heads = "words and sentence embeddings" if model.semantic is not None else "words only (no sentence embeddings)"
    accuracy = model.measured.get("held_out_accuracy", 0.0)
    count = int(model.measured.get("utterances", 0))
    return (
        f"{model.language}: {count} utterances, {len(model.classes)} labels, {heads}; "
        f"right on {accuracy:.1%} of those held out; model {model.version}"
    )
