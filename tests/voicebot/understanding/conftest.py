"""A Rasa server to test against: the real one that `make rasa` started, or a stand-in that replays a real one's answers."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import product

import httpx
import pytest

from nlu.pack.pack import BANK_PACK, Pack
from nlu.understanding.classifier import Classifier
from nlu.understanding.loading import load
from tests.voicebot.understanding.server import RECORDED, TOKEN, StandIn, standing_in

URL = os.environ.get("VOICEBOT_TEST_RASA_URL")
LABELS = ("card_block", "balance", "mortgage", "out_of_scope", "affirm")
_LINES = 60


@dataclass(frozen=True, slots=True)
class Rasa:
    """A server that answers, what it demands, and the id of its model."""

    url: str
    token: str
    model: str


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the tests of the Rasa back end ran against."""
    if any("nlu_rasa" in report.nodeid for report in terminalreporter.stats.get("passed", ())):
        where = f"the server at {URL}" if URL else f"recorded answers of Rasa {RECORDED['version']} (`make rasa` runs a real one)"
        terminalreporter.write_line(f"Rasa back end: tested against {where}")


@pytest.fixture(scope="package")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """The beginnings of a few of the shipped files, without embeddings: real data, a second or two."""
    root = tmp_path_factory.mktemp("pack")
    for name in ("intents.yml", "costs.yml", "keywords.yml"):
        shutil.copy(BANK_PACK / name, root)
    shutil.copytree(BANK_PACK / "entities", root / "entities")
    for lang, label in product(("pl", "en"), LABELS):
        lines = (BANK_PACK / lang / f"{label}.yml").read_text(encoding="utf-8").splitlines(keepends=True)
        (root / lang).mkdir(exist_ok=True)
        (root / lang / f"{label}.yml").write_text("".join(lines[:_LINES]), encoding="utf-8")
    return load(Pack(root), ["pl", "en"], cache=root / "cache", semantic=False)


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    """A server that answers as recorded until it is told to misbehave."""
    async with standing_in() as rasa:
        yield rasa


@pytest.fixture
async def rasa() -> AsyncIterator[Rasa]:
    """The real server, or the stand-in."""
    if URL:
        token = os.environ.get("VOICEBOT_TEST_RASA_TOKEN", "")
        answer = httpx.get(f"{URL}/status", params={"token": token}, trust_env=False, timeout=10)
        yield Rasa(URL, token, answer.json()["model_id"])
        return
    async with standing_in() as replaying:
        yield Rasa(replaying.url, TOKEN, replaying.model)
