"""Understanding as the service uses it: the configured back end first, keywords when it fails, never an exception for long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import structlog

import nlu
from nlu.errors import PackError
from nlu.pack.pack import BANK_PACK, Pack
from nlu.types import Decision, Hypothesis, Understander, Understanding
from nlu.understanding.keywords import KeywordUnderstander
from voicebot.understanding.settings import NluSettings

if TYPE_CHECKING:
    from nlu.understanding.classifier import Classifier
    from voicebot.understanding.rasa import RasaBackend

log = structlog.get_logger(__name__)

Backend = Callable[[Sequence[Hypothesis], str], Awaitable[Understanding]]


def in_process(classifier: Understander) -> Backend:
    """The in-process classifier as a back end: it takes a few milliseconds, so it runs where it is called."""

    async def understand(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        return classifier.understand(hypotheses, language)

    return understand


class UnderstandingService:
    """Understands what callers say. `local` also judges partial results, so that a turn may end sooner."""

    def __init__(
        self,
        backend: Backend | None,
        *,
        local: Understander | None,
        keywords: Understander,
        languages: Sequence[str],
        rasa: RasaBackend | None = None,
    ) -> None:
        """`rasa` is the back end when it is one that has to be started and closed."""
        self.local = local
        self._backend = backend
        self._rasa = rasa
        self._keywords = keywords
        self._languages = tuple(languages)

    async def start(self) -> None:
        """Wake the Rasa servers, if there are any, and log what is wrong with them: calls go on with the in-process model."""
        for problem in await self._rasa.warm() if self._rasa is not None else ():
            log.warning("Rasa is not ready, the in-process model answers", code="nlu.rasa", why=problem)

    async def close(self) -> None:
        """Close connections to Rasa servers."""
        if self._rasa is not None:
            await self._rasa.close()

    @property
    def has_classifier(self) -> bool:
        """Whether there is more than keywords."""
        return self._backend is not None

    async def understand(self, hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        """The meaning of one utterance. A back end that raises is replaced by keywords, and that is logged."""
        language = self._known(language)
        if self._backend is not None:
            try:
                return await self._backend(hypotheses, language)
            except Exception as error:  # whatever a back end may raise: the ladder of degradation goes on with keywords
                log.error("classifier failed, keywords instead", code="nlu.failed", error=error)
        return self._keywords.understand(hypotheses, language)

    def decides(self, text: str, language: str) -> bool:
        """Whether these words alone decide the matter."""
        if self.local is None or not text.strip():
            return False
        try:
            found = self.local.understand([Hypothesis(text)], self._known(language))
        except Exception:  # a hint only; the final result will tell
            return False
        return found.decision is Decision.ACCEPT

    def _known(self, language: str) -> str:
        return language if language in self._languages else self._languages[0]


def load_understander(settings: NluSettings, languages: Sequence[str]) -> Classifier:
    """The in-process classifier as configured. Models not in the cache are trained: seconds a language. Raises PackError."""
    return nlu.load(Pack(settings.pack or BANK_PACK), languages, cache=settings.cache_dir, semantic=settings.semantic)


def trained(settings: NluSettings, languages: Sequence[str]) -> bool:
    """Whether the models are in the cache, so that loading trains nothing. Raises PackError."""
    from nlu.understanding.loading import trained as has_models

    return has_models(Pack(settings.pack or BANK_PACK), languages, cache=settings.cache_dir, semantic=settings.semantic)


def load_understanding(settings: NluSettings, languages: Sequence[str]) -> UnderstandingService:
    """Understanding as configured. Raises PackError.

    A classifier that cannot be built for any other reason than its data is logged, and calls go on with keywords.
    """
    keywords = KeywordUnderstander(Pack(settings.pack or BANK_PACK))
    try:
        local = load_understander(settings, languages)
    except PackError:
        raise
    except Exception:
        log.exception("no classifier, keywords and keys instead", code="nlu.failed")
        return UnderstandingService(None, local=None, keywords=keywords, languages=languages)
    rasa = rasa_backend(settings, local, languages) if settings.backend == "rasa" else None
    return UnderstandingService(rasa or in_process(local), local=local, keywords=keywords, languages=languages, rasa=rasa)


async def open_understanding(settings: NluSettings, languages: Sequence[str]) -> UnderstandingService:
    """As `load_understanding`, without holding up the loop, and started. Close it when it is not needed. Raises PackError."""
    understanding = await asyncio.to_thread(load_understanding, settings, languages)
    await understanding.start()
    return understanding


def rasa_backend(settings: NluSettings, local: Classifier, languages: Sequence[str]) -> RasaBackend:
    """Of `backend: rasa`. Languages with the same address share a server, its connections and its circuit breaker."""
    from voicebot.understanding.rasa import RasaBackend, RasaServer

    token = settings.rasa_token.get_secret_value() if settings.rasa_token else None
    urls = {lang: url for lang in languages if (url := settings.rasa_url_for(lang)) is not None}
    servers = {url: RasaServer(url, token=token) for url in dict.fromkeys(urls.values())}
    return RasaBackend({lang: servers[url] for lang, url in urls.items()}, local, timeout_s=settings.rasa_timeout_s)
