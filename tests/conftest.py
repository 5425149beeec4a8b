"""What holds for every test."""

import logging
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import settings

from voicebot.logs import OUR_LOGGERS

LONGEST = (
    "console/test_pages",
    "calls/test_bridging",
    "workers/test_supervisor",
    "deploy/test_edge_calls",
    "chat/test_page",
    "console/test_matters",
    "releases/test_checking",
    "deploy/test_edge_signalling",
    "releases/test_publishing",
    "review/test_studies",
    "contract/test_contract",
    "checking/test_check",
    "console/test_review",
    "asterisk/test_ari",
    "chat/test_chat",
    "bank_app/test_without_speaking",
    "console/test_releases",
    "calls/test_engine_calls",
)
"""Files whose tests take more than a minute together. They begin first: else one of them runs alone at the end."""

settings.register_profile("shared-machine", deadline=None)  # machines that run tests are shared and slow at times
settings.load_profile("shared-machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; all others as they were."""

    def place(item: pytest.Item) -> int:
        return next((at for at, name in enumerate(LONGEST) if item.path.with_suffix("").as_posix().endswith(name)), len(LONGEST))

    items.sort(key=place)


@pytest.fixture(autouse=True)
def _logging_left_as_found() -> Iterator[None]:
    """Commands set up the logs of the whole process: put back what was there, so that tests do not depend on their order."""
    root, hook, thread_hook = logging.getLogger(), sys.excepthook, threading.excepthook
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    levels = {name: logging.getLogger(name).level for name in OUR_LOGGERS}
    yield
    logging.captureWarnings(False)
    root.handlers[:], logging.raiseExceptions = handlers, raising
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    sys.excepthook, threading.excepthook = hook, thread_hook
