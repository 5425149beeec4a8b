"""What a Rasa server ranks is understood as what the in-process model ranks: same policy, acts, entities and redaction.

Runs against the real server under `make rasa`, else against recorded answers. Time limits are generous: speed is not tested.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from nlu.types import Act, Decision, Hypothesis
from nlu.understanding.classifier import Classifier
from tests.voicebot.understanding.conftest import Rasa
from voicebot.understanding.rasa import RasaBackend, RasaServer

_PATIENCE_S = 30.0


@pytest.fixture
async def backend(rasa: Rasa, classifier: Classifier) -> AsyncIterator[RasaBackend]:
    found = RasaBackend({"pl": RasaServer(rasa.url, token=rasa.token)}, classifier, timeout_s=_PATIENCE_S)
    yield found
    await found.close()


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("zgubiłam kartę w tramwaju proszę ją zablokować", "card_block"),
        ("ile mam pieniędzy na koncie", "balance"),
        ("chciałbym wziąć kredyt hipoteczny na mieszkanie", "mortgage"),
    ],
)
async def test_rasa_ranks_and_the_record_says_so(backend: RasaBackend, rasa: Rasa, text: str, intent: str) -> None:
    """The name of the back end and of the model that the server says it serves are in what the record keeps."""
    found = await backend([Hypothesis(text)], "pl")
    assert (found.intent, found.decision) == (intent, Decision.ACCEPT)
    assert (found.backend, found.model) == ("rasa", rasa.model)


async def test_what_no_bank_does_is_not_accepted(backend: RasaBackend) -> None:
    found = await backend([Hypothesis("jaka jutro będzie pogoda nad morzem")], "pl")
    assert (found.backend, found.decision, found.intent) == ("rasa", Decision.REJECT, "out_of_scope")


async def test_of_two_matters_the_urgent_one_comes_first(backend: RasaBackend) -> None:
    """Each part is ranked by the server, too."""
    found = await backend([Hypothesis("chcę sprawdzić saldo i jeszcze zastrzec kartę")], "pl")
    assert (found.backend, found.intent, found.second) == ("rasa", "card_block", "balance")


async def test_a_poorly_heard_utterance_is_believed_less(backend: RasaBackend) -> None:
    """The recogniser's confidence tempers the server's ranking as it tempers ours."""
    sure = await backend([Hypothesis("ile mam pieniędzy na koncie", 1.0)], "pl")
    unsure = await backend([Hypothesis("ile mam pieniędzy na koncie", 0.1)], "pl")
    assert unsure.ranking[0].confidence < sure.ranking[0].confidence
    assert unsure.decision is not Decision.ACCEPT


async def test_a_plain_yes_needs_no_server(backend: RasaBackend, classifier: Classifier) -> None:
    """Acts are found by rule; the record does not claim that Rasa found them."""
    found = await backend([Hypothesis("tak")], "pl")
    assert (found.act, found.backend) == (Act.AFFIRM, "local")
    assert found == classifier.understand([Hypothesis("tak")], "pl")


async def test_a_language_without_a_server_is_understood_here(backend: RasaBackend, classifier: Classifier) -> None:
    """The classifier for English is the in-process one, whatever Polish has."""
    found = await backend([Hypothesis("I lost my card")], "en")
    assert found == classifier.understand([Hypothesis("I lost my card")], "en")


async def test_a_server_that_works_gives_nothing_to_complain_about(backend: RasaBackend) -> None:
    assert await backend.warm() == []


async def test_a_wrong_token_is_named_with_its_mend(rasa: Rasa, classifier: Classifier) -> None:
    found = RasaBackend({"pl": RasaServer(rasa.url, token="not-this-one")}, classifier, timeout_s=_PATIENCE_S)
    (problem,) = await found.warm()
    assert "refuses the token: give nlu.rasa_token" in problem
    await found.close()


async def test_an_address_that_is_not_rasas_is_named_with_its_mend(rasa: Rasa, classifier: Classifier) -> None:
    found = RasaBackend({"pl": RasaServer(f"{rasa.url}/elsewhere", token=rasa.token)}, classifier, timeout_s=_PATIENCE_S)
    (problem,) = await found.warm()
    assert "check nlu.rasa_url (HTTP 404)" in problem
    await found.close()
