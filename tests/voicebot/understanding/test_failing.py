"""Whatever a Rasa server does, the caller is understood: by the in-process model, at once, and nothing personal goes out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response
from structlog.testing import capture_logs

from nlu.types import Hypothesis
from nlu.understanding.classifier import Classifier
from tests.voicebot.endpoints.looking import until
from tests.voicebot.understanding.server import RECORDED, TOKEN, StandIn
from tests.voicebot.understanding.test_shadow import Bank, bank
from voicebot.state.breaker import CircuitBreaker
from voicebot.understanding.rasa import RasaBackend, RasaError, RasaServer, probabilities, read_ranking
from voicebot.understanding.settings import NluSettings
from voicebot.understanding.shadow import ShadowLine, load_shadow

__all__ = ["bank"]

_PATIENCE_S = 30.0
_HURRY_S = 0.05
BALANCE = [Hypothesis("ile mam pieniędzy na koncie")]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


Build = Callable[[float], RasaBackend]


@pytest.fixture
async def build(stand_in: StandIn, classifier: Classifier, clock: Clock) -> AsyncIterator[Build]:
    """Makes a back end with a time limit in seconds, whose breaker opens after three failures for ten seconds of `clock`."""
    made: list[RasaBackend] = []

    def make(limit: float) -> RasaBackend:
        breaker = CircuitBreaker(failures=3, pause_s=10, longest_pause_s=10, clock=clock)
        made.append(RasaBackend({"pl": RasaServer(stand_in.url, token=TOKEN, breaker=breaker)}, classifier, timeout_s=limit))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({"status": "failure"}, 500),
        JSONResponse({"status": "failure", "reason": "Conflict"}, 409),
        Response("<html>a proxy's page</html>", media_type="text/html"),
        JSONResponse({"hello": "world"}),
        JSONResponse({"intent": {"name": "balance", "confidence": "NaN"}, "intent_ranking": []}),
        JSONResponse({"intent": {"name": "balance", "confidence": 17.0}}),
        Response(b"\xff\xfe\x00", media_type="application/json"),
        Response(status_code=302, headers={"location": "http://127.0.0.1:1/elsewhere"}),
    ],
)
async def test_an_answer_that_is_none_leaves_the_in_process_model(
    stand_in: StandIn, build: Build, classifier: Classifier, answer: Response
) -> None:
    """Errors, pages of proxies, nonsense, redirects: understood here, and the log says why."""
    stand_in.answers.append(answer)
    with capture_logs() as logs:
        found = await build(_PATIENCE_S)(BALANCE, "pl")
    assert found == classifier.understand(BALANCE, "pl")
    assert [(line["code"], line["log_level"]) for line in logs] == [("nlu.rasa", "warning")]


async def test_a_server_that_does_not_answer_costs_the_limit_and_no_more(
    stand_in: StandIn, build: Build, classifier: Classifier
) -> None:
    """The server never answers while the test runs, so an answer at all proves the limit."""
    stand_in.stuck = asyncio.Event()
    with capture_logs() as logs:
        found = await build(_HURRY_S)(BALANCE, "pl")
    assert found == classifier.understand(BALANCE, "pl")
    assert "in time" in logs[0]["why"]


async def test_the_loop_goes_on_while_the_server_thinks(stand_in: StandIn, build: Build) -> None:
    """Other calls' audio must not wait for Rasa: two utterances are with the server at the same moment."""
    stand_in.stuck = asyncio.Event()
    backend = build(_PATIENCE_S)
    asking = [asyncio.create_task(backend(BALANCE, "pl")) for _ in range(2)]
    async with asyncio.timeout(_PATIENCE_S):
        while len(stand_in.heard) < 2:
            await asyncio.sleep(0)
    stand_in.stuck.set()
    assert [one.backend for one in await asyncio.gather(*asking)] == ["rasa", "rasa"]


async def test_after_three_failures_the_server_is_left_alone_and_then_probed(
    stand_in: StandIn, build: Build, clock: Clock
) -> None:
    """Nobody waits for a server that is known to fail, the log is not filled, and it is used again once it works."""
    backend = build(_PATIENCE_S)
    stand_in.answers += [JSONResponse({}, 500) for _ in range(3)]
    with capture_logs() as logs:
        answered = [(await backend(BALANCE, "pl")).backend for _ in range(6)]
    assert (answered, len(stand_in.heard), len(logs)) == (["local"] * 6, 3, 3)
    clock.now = 10.0
    assert [(await backend(BALANCE, "pl")).backend for _ in range(2)] == ["rasa", "rasa"]


async def test_a_server_that_is_not_there_is_named_with_its_mend(classifier: Classifier) -> None:
    """Port 1 of loopback: nobody listens."""
    backend = RasaBackend({"pl": RasaServer("http://127.0.0.1:1")}, classifier, timeout_s=_PATIENCE_S)
    (problem,) = await backend.warm()
    assert "http://127.0.0.1:1 cannot be asked (ConnectError): start the server" in problem
    assert (await backend(BALANCE, "pl")).backend == "local"
    await backend.close()


async def test_a_model_of_something_else_is_noticed_at_the_start(stand_in: StandIn, build: Build) -> None:
    other = {"name": "order_pizza", "confidence": 1.0}
    stand_in.answers.append(JSONResponse({"intent": other, "intent_ranking": [other]}))
    (problem,) = await build(_PATIENCE_S).warm()
    assert "names none of the pack's intents: train it with the pack's data" in problem


@pytest.mark.parametrize(
    "said",
    [
        "mój pesel to 44051401359 proszę o saldo",
        "mój pesel to cztery cztery zero pięć jeden cztery zero jeden trzy pięć dziewięć proszę o saldo",
        "mój pesel to 44051 eee 401359 proszę o saldo",
    ],
)
async def test_personal_numbers_never_leave_the_process(stand_in: StandIn, build: Build, said: str) -> None:
    """A server may log what it parses: the number is masked however it was said."""
    found = await build(_PATIENCE_S)([Hypothesis(said)], "pl")
    assert stand_in.heard == ["mój pesel to <pesel> proszę o saldo"]
    assert found.backend == "rasa"
    assert "<pesel>" in found.text


@pytest.mark.parametrize("secret", ["mój pin to 4821", "karta 4111 1111 1111 1111", "hasło: kotek", "kod blik 123 456"])
async def test_secrets_never_leave_the_process(stand_in: StandIn, build: Build, secret: str) -> None:
    """Nor in another reading of the recogniser."""
    stand_in.answers += [JSONResponse(RECORDED["replies"]["???"]) for _ in range(9)]
    await build(_PATIENCE_S)([Hypothesis("coś z kontem", 0.8), Hypothesis(secret, 0.6)], "pl")
    assert len(stand_in.heard) >= 2
    assert not [word for word in ("4821", "4111", "1111", "kotek", "123", "456") if word in " ".join(stand_in.heard)]


async def test_every_reading_of_the_recogniser_is_weighed(stand_in: StandIn, build: Build) -> None:
    """N-best: the surer reading decides, the other counts."""
    found = await build(_PATIENCE_S)([Hypothesis("chcę sprawdzić saldo", 0.9), Hypothesis("zastrzec kartę", 0.3)], "pl")
    assert sorted(stand_in.heard) == ["chcę sprawdzić saldo", "zastrzec kartę"]
    assert [one.intent for one in found.ranking[:2]] == ["balance", "card_block"]


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("Ile mam, proszę, u was w Apple'u?", "Ile mam, proszę, u was w Apple'u?"),
        ("yyy ile, ile mam na koncie", "ile mam na koncie"),
        ("saldo, to znaczy nie, chciałem kredyt", "chciałem kredyt"),
    ],
)
async def test_words_are_sent_as_spelled_unless_some_were_taken_back(
    stand_in: StandIn, build: Build, said: str, sent: str
) -> None:
    """Rasa learned from the data as written, with apostrophes; fillers and what the caller corrected would mislead it."""
    stand_in.answers += [JSONResponse(RECORDED["replies"]["???"])]
    await build(_PATIENCE_S)([Hypothesis(said)], "pl")
    assert stand_in.heard == [sent]


async def test_a_model_changed_under_the_server_is_named(stand_in: StandIn, classifier: Classifier) -> None:
    """The name is asked for again by every new connection of ours, and now and then after."""
    for name in ("one", "two"):
        stand_in.model = name
        backend = RasaBackend({"pl": RasaServer(stand_in.url, token=TOKEN)}, classifier, timeout_s=_PATIENCE_S)
        assert (await backend(BALANCE, "pl")).model == name
        await backend.close()


# ---------------------------------------------------------------- the ranking


def test_names_that_only_rasa_has_are_out_of_scope() -> None:
    """FallbackClassifier's nlu_fallback, say."""
    found = probabilities({"nlu_fallback": 0.7, "balance": 0.3}, ["balance", "transfer", "out_of_scope"])
    assert found.tolist() == pytest.approx([0.3, 0.0, 0.7])


def test_what_a_short_ranking_leaves_is_shared_by_the_others() -> None:
    found = probabilities({"balance": 0.8}, ["balance", "transfer", "out_of_scope"])
    assert found.tolist() == pytest.approx([0.8, 0.1, 0.1])


@given(
    st.dictionaries(
        st.sampled_from(["balance", "transfer", "blik", "out_of_scope", "nlu_fallback"]), st.floats(0, 1, allow_subnormal=False)
    )
)
def test_any_ranking_becomes_probabilities(ranking: dict[str, float]) -> None:
    found = probabilities(ranking, ["balance", "transfer", "blik", "out_of_scope"])
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert (found >= 0).all()


def test_retrieval_intents_count_for_their_intent_and_a_classifier_without_ranking_for_its_one() -> None:
    assert read_ranking(b'{"intent": {"name": "faq/hours", "confidence": 0.9}}') == {"faq": 0.9}
    assert read_ranking(b'{"intent": {"name": null, "confidence": 0.0}, "intent_ranking": []}') == {}


def test_a_complaint_about_an_answer_holds_none_of_it() -> None:
    """The answer repeats what the caller said."""
    with pytest.raises(RasaError) as caught:
        read_ranking('{"text": "moje hasło to kotek", "intent": "kotek"}'.encode())
    assert "kotek" not in str(caught.value)
    assert caught.value.__cause__ is None


def with_rasa(rasa: StandIn, classifier: Classifier) -> NluSettings:
    """Calls are understood by this server, in Polish; the pack is that of the classifier."""
    told = {"backend": "rasa", "rasa_urls": {"pl": rasa.url}, "rasa_token": TOKEN, "rasa_timeout_s": 5}
    root = classifier.pack.root
    return NluSettings.model_validate({**told, "pack": root, "cache_dir": root / "cache", "semantic": False})


async def test_where_rasa_understands_callers_it_does_in_the_shadow_too(
    bank: Bank, stand_in: StandIn, classifier: Classifier
) -> None:
    """Once more, one line after the other. What the server did not answer for both is compared with nothing."""
    stand_in.answers.append(JSONResponse(RECORDED["replies"]["ile mam pieniędzy na koncie"]))
    by = await load_shadow(with_rasa(stand_in, classifier), ["pl", "en"])
    stand_in.heard.clear()
    bank.shadow.begin("r1", by, ["pl", "en"])

    def asks(position: int, text: str, backend: str, language: str = "pl") -> None:
        bank.shadow.offer(ShadowLine("c1", position, (Hypothesis(text),), language, backend))

    asks(1, "ile mam pieniędzy na koncie", "rasa")
    asks(2, "ile mam pieniędzy na koncie", "local")  # the server was away when the caller said it
    asks(3, "tak", "local")  # found by rule
    asks(4, "I lost my card", "local", "en")  # a language without a server
    await until(lambda: bank.counted("voicebot_shadow_decided_total") == 3)
    assert stand_in.heard == ["ile mam pieniędzy na koncie"] * 2
    assert bank.dropped("backend") == 1
    stand_in.answers += [JSONResponse({}, 500)] * 3
    for position in range(5, 60):
        asks(position, "ile mam pieniędzy na koncie", "rasa")
    await until(lambda: bank.dropped("failed") == 3 and bank.dropped("backend") > 1)  # then the server is left alone
    await bank.shadow.end()
    assert [(each.position, each.intent) for each in await bank.kept()][:2] == [(1, "balance"), (3, "out_of_scope")]


async def test_a_rasa_server_that_cannot_be_used_keeps_the_shadow_from_beginning(
    stand_in: StandIn, classifier: Classifier
) -> None:
    settings = with_rasa(stand_in, classifier).model_copy(update={"rasa_token": None})
    with pytest.raises(RasaError, match=r"calls are understood by Rasa, and the shadow cannot be: .* refuses the token"):
        await load_shadow(settings, ["pl"])
