"""The settings that choose Rasa, their mistakes, and the desk that they make."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.responses import JSONResponse
from structlog.testing import capture_logs

from nlu.types import Hypothesis
from nlu.understanding.classifier import Classifier
from tests.voicebot.understanding.server import RECORDED, TOKEN, StandIn
from voicebot.config.check import check_config
from voicebot.understanding.service import UnderstandingService, load_understanding
from voicebot.understanding.settings import NluSettings

BALANCE = [Hypothesis("ile mam pieniędzy na koncie")]
LOST = [Hypothesis("I lost my card")]


def desk(classifier: Classifier, **settings: object) -> UnderstandingService:
    """The desk of these settings, its in-process model the one already trained."""
    root = classifier.pack.root
    given = {"backend": "rasa", "pack": root, "cache_dir": root / "cache", "semantic": False, "rasa_timeout_s": 5.0, **settings}
    return load_understanding(NluSettings.model_validate(given), ["pl", "en"])


async def test_one_address_serves_every_language(stand_in: StandIn, classifier: Classifier) -> None:
    """The token goes with every question; starting woke the server with one of its own."""
    made = desk(classifier, rasa_url=stand_in.url, rasa_token=TOKEN)
    await made.start()
    assert len(stand_in.heard) == 1
    stand_in.answers.append(JSONResponse(RECORDED["replies"]["zastrzec kartę"]))
    english = await made.understand(LOST, "en")
    assert (english.backend, english.intent, stand_in.heard[-1]) == ("rasa", "card_block", "I lost my card")
    assert (await made.understand(BALANCE, "pl")).backend == "rasa"
    await made.close()


async def test_a_language_may_have_a_server_of_its_own_or_none(stand_in: StandIn, classifier: Classifier) -> None:
    made = desk(classifier, rasa_urls={"pl": stand_in.url}, rasa_token=TOKEN)
    assert (await made.understand(BALANCE, "pl")).backend == "rasa"
    assert (await made.understand(LOST, "en")).backend == "local"
    await made.close()


async def test_a_server_that_is_away_at_the_start_stops_nothing(classifier: Classifier) -> None:
    """It is logged with its fix, and calls are understood."""
    made = desk(classifier, rasa_url="http://127.0.0.1:1")
    with capture_logs() as logs:
        await made.start()
    assert [line["code"] for line in logs] == ["nlu.rasa"]
    assert "start the server, or correct nlu.rasa_url" in logs[0]["why"]
    assert (await made.understand(BALANCE, "pl")).intent == "balance"
    await made.close()


async def test_without_rasa_there_is_nothing_to_start(classifier: Classifier) -> None:
    made = desk(classifier, backend="local")
    await made.start()
    assert (await made.understand(BALANCE, "pl")).backend == "local"
    await made.close()


@pytest.mark.parametrize(
    ("written", "line", "told", "fatal"),
    [
        ("nlu:\n  backend: rasa\n", 1, "nlu: backend rasa needs rasa_url. Write it like http://", True),
        ("nlu:\n  backend: rasa\n  rasa_url: 127.0.0.1\n", 3, "nlu.rasa_url: is no URL", True),
        (
            "nlu:\n  backend: rasa\n  rasa_url: http://rasa:5005/model/parse\n",
            3,
            "nlu.rasa_url: is the address of one of Rasa's functions, not of the server. Leave out what comes after",
            True,
        ),
        ("nlu:\n  backend: rasa\n  rasa_urls: {polski: 'http://rasa:5005'}\n", 3, "Name languages by two letters: pl, en", True),
        ("nlu:\n  rasa_url: http://rasa:5005\n", 2, "nlu.rasa_url: is not used. Write nlu.backend: rasa, or remove it", False),
        ("nlu:\n  backend: rasa\n  rasa_url: http://rasa:5005\n  rasa_timeout_s: 0\n", 4, "nlu.rasa_timeout_s", True),
    ],
)
def test_mistakes_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, line: int, told: str, fatal: bool
) -> None:
    """By file and line, with the fix."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "voicebot.yml"
    path.write_text(written, encoding="utf-8")
    path.chmod(0o600)
    said = [problem for problem in check_config(path) if "nlu" in str(problem)]
    assert any(f"voicebot.yml:{line}: " in str(one) and told in str(one) and one.fatal is fatal for one in said), said
