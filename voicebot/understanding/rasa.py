"""A Rasa server as the back end of understanding: it ranks the intents, and all that follows is the same as without it.

Acts, two matters in one breath, the decision by costs, entities and redaction are those of the in-process
classifier; only its scorer asks the server, so the two back ends differ in their ranking alone. Personal numbers are masked
before words leave the process: a server may log what it parses.

An utterance that the server does not rank in time, or at all, is understood by the in-process model, and after a few failures in
a row the server is left alone for a while. Protocol: `POST /model/parse` of Rasa 3, https://rasa.com/docs/rasa/pages/http-api/
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Annotated

import httpx
import numpy as np
import structlog
from pydantic import BaseModel, Field, ValidationError

from nlu.model.heads import Matrix
from nlu.model.scorer import Model, Scored, Scorer
from nlu.pack.pack import ACT_LABELS
from nlu.text.normalise import canonical
from nlu.text.redaction.redact import redact
from nlu.types import OUT_OF_SCOPE, Hypothesis, Understander, Understanding
from nlu.understanding.classifier import Classifier
from voicebot.errors import VoicebotError
from voicebot.state.breaker import CircuitBreaker
from voicebot.understanding.settings import NluSettings

BACKEND = "rasa"
TIMEOUT_S = NluSettings().rasa_timeout_s
"""All the time the server has for one utterance, however many questions it takes."""
_AT_ONCE = 8
"""Utterances understood at the same moment; each takes a thread for as long as the server thinks."""
_MODEL_ASKED_EVERY_S = 30.0
_GRACE_S = 1.0
_NOTHING = 1e-6
_ALWAYS = float("inf")

log = structlog.get_logger(__name__)

Ranking = Mapping[str, float]
"""Intents as the server names them, with probabilities that add up to one at most."""


class RasaError(VoicebotError):
    """The Rasa server did not answer, or not as Rasa does; the message says what to do."""

    code = "nlu.rasa"


class RasaAway(RasaError):
    """The server failed a few times in a row and is not asked for a moment."""

    code = "nlu.rasa_away"


class _Named(BaseModel):
    name: str | None
    confidence: Annotated[float, Field(ge=0, le=1.001)]


class _Reply(BaseModel):
    """What is read of an answer of /model/parse; the rest (tokens, entities, slots) is Rasa's own."""

    intent: _Named
    intent_ranking: list[_Named] = []


class _Status(BaseModel):
    model_id: str


def read_ranking(body: bytes) -> dict[str, float]:
    """The ranking in an answer of /model/parse; empty when Rasa found nothing to read in the words. Raises RasaError.

    Answers to retrieval intents ("faq/opening_hours") count for the intent; a classifier without a ranking gives its one intent.
    """
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "the body"
        raise RasaError(f"the answer is not that of Rasa's /model/parse (see {where}); check nlu.rasa_url") from None
    ranking: dict[str, float] = {}
    for one in reply.intent_ranking or [reply.intent]:
        if one.name:
            name = one.name.partition("/")[0]
            ranking[name] = ranking.get(name, 0.0) + one.confidence
    return ranking


def probabilities(ranking: Ranking, classes: Sequence[str]) -> Matrix:
    """The ranking as probabilities of `classes`, in their order, adding up to one.

    What the server calls otherwise than the pack does (nlu_fallback, an intent that only its model has) is out of scope for us. A
    ranking cut short leaves some probability over: the classes that it does not name share it. One of nothing is out of scope.
    """
    place = {name: index for index, name in enumerate(classes)}
    elsewhere = place.get(OUT_OF_SCOPE, 0)
    if sum(ranking.values()) < _NOTHING:
        ranking = {OUT_OF_SCOPE: 1.0}
    found = np.zeros(len(classes), dtype=np.float32)
    for name, confidence in ranking.items():
        found[place.get(name, elsewhere)] += confidence
    unnamed = [index for name, index in place.items() if name not in ranking]
    left = 1.0 - float(found.sum())
    if unnamed and left > 0:
        found[unnamed] += left / len(unnamed)
    fitted: Matrix = found / found.sum()
    return fitted


class RasaServer:
    """One server, asked in the event loop's thread. `model` is the id of the model it serves, as far as is known."""

    def __init__(self, url: str, *, token: str | None = None, breaker: CircuitBreaker | None = None) -> None:
        """`url` is where Rasa's HTTP API begins; `token` what `rasa run --auth-token` was given. Default: 3 failures open the
        breaker, and it is probed after 0.5 s, later every 5 s.
        """
        self.model = ""
        self._url = url.rstrip("/")
        self._token = {"token": token} if token else None
        self._breaker = breaker or CircuitBreaker()
        # no proxy of the environment sees callers' words; certificates are those that the machine trusts; `rank` has the deadline
        self._client = httpx.AsyncClient(verify=ssl.create_default_context(), trust_env=False, timeout=None)  # noqa: S113
        self._model_known_at = -_ALWAYS

    async def rank(self, texts: Sequence[str], deadline: float) -> list[Ranking]:
        """The server's ranking for each text, all by `deadline` (of the loop's clock). Raises RasaError."""
        if not self._breaker.may_try():
            raise RasaAway("failed a moment ago and is not asked")
        try:
            async with asyncio.timeout_at(deadline):
                rankings = [await self._parse(text) for text in texts]
                await self._learn_model()
        except (RasaError, httpx.HTTPError, TimeoutError) as error:
            self._breaker.failed()
            raise error if isinstance(error, RasaError) else RasaError(self._advice(error)) from error
        self._breaker.succeeded()
        return rankings

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _parse(self, text: str) -> Ranking:
        answer = await self._client.post(f"{self._url}/model/parse", params=self._token, json={"text": redact(text)})
        self._accept(answer)
        return read_ranking(answer.content)

    async def _learn_model(self) -> None:
        """Models change under a running server, so the name is asked for now and then; an answer without one costs nothing."""
        now = asyncio.get_running_loop().time()
        if now < self._model_known_at + _MODEL_ASKED_EVERY_S:
            return
        self._model_known_at = now
        answer = await self._client.get(f"{self._url}/status", params=self._token)
        with suppress(ValidationError):
            self.model = _Status.model_validate_json(answer.content).model_id

    def _accept(self, answer: httpx.Response) -> None:
        if answer.status_code == httpx.codes.OK:
            return
        known = {
            401: "refuses the token: give nlu.rasa_token what the server got as --auth-token",
            404: "has no such address: start it with --enable-api, and check nlu.rasa_url",
            409: "has no model loaded: start it with --model",
        }
        advice = known.get(answer.status_code, "answers with an error: see the server's own log")
        raise RasaError(f"{self._url} {advice} (HTTP {answer.status_code})")

    def _advice(self, error: Exception) -> str:
        if isinstance(error, TimeoutError | httpx.TimeoutException):
            return f"{self._url} did not answer in time: look at its load, or raise nlu.rasa_timeout_s"
        return f"{self._url} cannot be asked ({type(error).__name__}): start the server, or correct nlu.rasa_url"


@dataclass(slots=True)
class _Utterance:
    """One utterance under way: by when the server must have answered, how its words are spelled, and who was asked.

    Rasa learns from the training data as it is written ("don't", not "dont"). So where normalising took no word away, the server
    gets the reading as it was spelled: a point and a half better in English.
    """

    loop: asyncio.AbstractEventLoop
    deadline: float
    spelled: Mapping[str, str]
    asked: RasaServer | None = None

    def rank(self, server: RasaServer, texts: Sequence[str]) -> list[Ranking]:
        """Ask from a worker thread; the question itself runs in the loop. Raises RasaError."""
        self.asked = server
        wanted = [self.spelled.get(text, text) for text in texts]
        asking = asyncio.run_coroutine_threadsafe(server.rank(wanted, self.deadline), self.loop)
        return asking.result(max(0.0, self.deadline - self.loop.time()) + _GRACE_S)


_utterance: ContextVar[_Utterance] = ContextVar("utterance")


class RasaScorer(Scorer):
    """A Rasa server in the place of a model's heads. Use it inside `RasaBackend`, which says which utterance is under way."""

    def __init__(self, model: Model, server: RasaServer) -> None:
        """`model` is the in-process one of the language: its classes are ours, and its lemmas find the entities."""
        super().__init__(replace(model, semantic=None), None)
        self._server = server

    def score(self, texts: Sequence[str], known: Mapping[str, Matrix] | None = None) -> list[Scored]:
        """The server's probabilities; the gate stays open, since out_of_scope is among the intents that the server ranks."""
        rankings = _utterance.get().rank(self._server, texts)
        return [Scored(probabilities(ranking, self.model.classes), (), 0.0, -1, _ALWAYS) for ranking in rankings]


class RasaBackend:
    """A `Backend` of understanding: the servers by language, and the in-process classifier for whatever they do not answer.

    `Understanding.backend` says which of the two ranked the utterance ("rasa" or "local"), and `Understanding.model` with which
    model. What needs no ranking ("tak", "powtórz") is never sent.
    """

    def __init__(self, servers: Mapping[str, RasaServer], local: Classifier, *, timeout_s: float = TIMEOUT_S) -> None:
        self._servers = dict(servers)
        self._local: Understander = local
        self._timeout_s = timeout_s
        scorers = {lang: RasaScorer(one.model, servers[lang]) if lang in servers else one for lang, one in local.scorers.items()}
        self._classifier = Classifier(local.pack, scorers)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="rasa")

    async def __call__(self, hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        """See `nlu.types.Understander`; within `timeout_s` and the in-process model's few milliseconds."""
        try:
            return await self.alone(hypotheses, language)
        except RasaAway:
            pass
        except (RasaError, TimeoutError) as error:
            log.warning("the in-process model answers for Rasa", code=RasaError.code, why=str(error) or "no answer in time")
        return self._local.understand(hypotheses, language)

    async def alone(self, hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        """The same, and nobody answers for a server that does not. Raises RasaError, and TimeoutError."""
        loop = asyncio.get_running_loop()
        safe = [replace(one, text=redact(one.text)) for one in hypotheses]
        utterance = _Utterance(loop, loop.time() + self._timeout_s, {canonical(one.text): one.text for one in safe})
        async with asyncio.timeout_at(utterance.deadline):
            answer = await loop.run_in_executor(self._threads, self._understand, utterance, safe, language)
        return replace(answer, backend=BACKEND, model=utterance.asked.model) if utterance.asked else answer

    def _understand(self, utterance: _Utterance, hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        _utterance.set(utterance)
        return self._classifier.understand(hypotheses, language)

    async def warm(self, limit_s: float = 10.0) -> list[str]:
        """Ask every server once, since a first answer takes long, and look whether it knows the pack's intents.

        What is wrong comes back as sentences that say what to do; the service starts all the same, with the in-process model.
        """
        problems = []
        for server in {id(one): one for one in self._servers.values()}.values():
            languages = [lang for lang, one in self._servers.items() if one is server]
            try:
                (ranking,) = await server.rank(["dzień dobry, good morning"], asyncio.get_running_loop().time() + limit_s)
            except RasaError as error:
                problems.append(str(error))
                continue
            problems += self._unknown(ranking, languages)
        return problems

    def _unknown(self, ranking: Ranking, languages: Sequence[str]) -> list[str]:
        ours = {name for lang in languages for name in self._classifier.scorers[lang].model.classes} - ACT_LABELS
        if set(ranking) & ours:
            return []
        return [f"the Rasa model for {', '.join(languages)} names none of the pack's intents: train it with the pack's data"]

    async def close(self) -> None:
        """Close connections and threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for server in {id(one): one for one in self._servers.values()}.values():
            await server.close()
