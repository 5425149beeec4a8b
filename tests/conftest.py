"""What holds for every test."""

import logging
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import settings

from voicebot.logs import OUR_LOGGERS

settings.register_profile("shared-machine", deadline=None)  # machines that run tests are shared and slow at times
settings.load_profile("shared-machine")


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
