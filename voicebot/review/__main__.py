"""A study in a process of its own, at a low priority: `voicebot.review.children` starts it.

Its orders come by standard input: the settings, then what to do, a line each. It ends when standard input does: with its parent
at the latest.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import structlog

from nlu.errors import NluError, PackError
from nlu.pack.pack import BANK_PACK
from voicebot.children.orders import first_line, say
from voicebot.config.settings import Settings
from voicebot.error_text import error_text
from voicebot.errors import VoicebotError
from voicebot.logs import configure_logs
from voicebot.records.engine import open_engine
from voicebot.review.studies import Studies
from voicebot.review.studying import STUDIES, Study, explanation

log = structlog.get_logger(__name__)

PACK = "nlu"
"""The folder of the draft with the training data; see `voicebot.releases.contents`."""
_LOWEST = 15
_EVERY_S = 2.0


class _Progress:
    """Written down every two seconds, also while nothing is told: the process lives."""

    def __init__(self, studies: Studies, name: str, began: datetime) -> None:
        self._studies, self._run = studies, (name, began)
        self._told = (0.0, "")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def tell(self, share: float, what: str) -> None:
        self._told = (share, what)

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._over.wait(_EVERY_S):
            try:
                self._studies.tell(*self._run, *self._told, datetime.now(UTC))
            except Exception as error:  # the database may come back; the end of the study will tell
                log.warning("the progress of a study is not written", worker=self._run[0], why=type(error).__name__)


def main() -> int:
    """Run one study, or explain one line; the exit code of the process."""
    settings = Settings.model_validate_json(first_line())
    order: dict[str, Any] = json.loads(first_line())
    configure_logs(level=settings.log.level, format=settings.log.format)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    engine = open_engine(settings.database_url)
    pack, name = settings.nlu.pack or BANK_PACK, str(order["study"])
    kept = (settings.nlu.cache_dir, settings.nlu.semantic)
    study = Study(engine, pack, settings.drafts_dir / PACK, *kept, datetime.now(UTC), lambda _share, _what: None)
    if name == "explain":  # somebody waits for it
        return _explain(study, str(order["text"]), str(order["language"]))
    os.nice(_LOWEST)
    return _study(study, name, datetime.fromisoformat(order["began"]))


def _explain(study: Study, text: str, language: str) -> int:
    try:
        answer: dict[str, Any] = {"told": explanation(study, text, language)}
    except (NluError, ValueError) as error:
        answer = {"why": _said(error)}
    say(json.dumps(answer, ensure_ascii=False).encode())
    return 0


def _study(study: Study, name: str, began: datetime) -> int:
    studies = Studies(study.engine)
    progress = _Progress(studies, name, began)
    try:
        result = STUDIES[name](_telling(study, progress))
    except Exception as error:  # whatever it is: who waits for it must learn why
        progress.close()
        studies.end(name, began, datetime.now(UTC), why=_said(error))
        log.warning("a study failed", worker=name, why=_said(error))
        return 1
    progress.close()
    studies.end(name, began, datetime.now(UTC), result=result)
    return 0


def _telling(study: Study, progress: _Progress) -> Study:
    return Study(study.engine, study.pack, study.draft, study.cache, study.semantic, study.now, progress.tell)


def _said(error: Exception) -> str:
    """For a page: what a person can mend in full, without the folders of this machine, and of anything else its kind."""
    if isinstance(error, PackError):
        place = f"{error.path.name}:{error.line}" if error.line else error.path.name
        return f"{place}: {error.what}. {error.fix}"
    return error_text(error) if isinstance(error, (NluError, VoicebotError, ValueError)) else type(error).__name__


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)  # nothing is half written: the database keeps whole transactions only


if __name__ == "__main__":
    sys.exit(main())
