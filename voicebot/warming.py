"""Which sentences calls are likely to need: found by rehearsing the conversation, so that they are synthesised beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from caller_id.types import Caller
from dialogs.bundle import Bundle
from dialogs.events import CallStarted, Say
from dialogs.meanings import parse_meaning
from dialogs.rehearsal import Rehearsal


def likely_says(bundle: Bundle, at: datetime) -> Iterator[Say]:
    """What is said when each matter is asked back, sent on or hidden behind keys, and when a caller stays silent; each once."""
    seen: set[tuple[object, ...]] = set()
    for rehearsal in _rehearsals(bundle, at):
        for action in rehearsal.actions:
            if isinstance(action, Say) and (key := (action.prompts, action.language)) not in seen:
                seen.add(key)
                yield action


def _rehearsals(bundle: Bundle, at: datetime) -> Iterator[Rehearsal]:
    for language in bundle.prompts.languages:
        silent = _begun(bundle, at, language)
        silent.stay_silent(60)
        yield silent
        for intent in bundle.routes.matters:
            for meaning in (intent, f"confirm {intent}"):
                call = _begun(bundle, at, language)
                call.say(intent, parse_meaning(meaning, intent))
                call.stay_silent(12)
                yield call
        for key in "123456789":
            call = _begun(bundle, at, language)
            call.press(key)
            call.stay_silent()
            yield call


def _begun(bundle: Bundle, at: datetime, language: str) -> Rehearsal:
    call = Rehearsal(bundle, None, at=at)
    call.start(CallStarted(Caller(), language=language))
    return call
