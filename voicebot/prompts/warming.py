"""Which sentences calls need first, and which likely: found by rehearsing the conversation, to be synthesised beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from caller_id.types import Caller
from dialogs.data.bundle import Bundle
from dialogs.events import CallStarted, Say
from dialogs.rehearsal.meanings import parse_meaning
from dialogs.rehearsal.rehearsal import Rehearsal


def opening_says(bundle: Bundle, at: datetime) -> Iterator[Say]:
    """What every call begins with, and what a caller who says nothing hears: no call is taken before these are ready."""
    return _each_once(_silent(bundle, at, language) for language in bundle.prompts.languages)


def likely_says(bundle: Bundle, at: datetime) -> Iterator[Say]:
    """What is said when each matter is asked back, sent on or hidden behind keys, when a caller stays silent, and when an
    emergency is offered beside another matter; each once, the likeliest first.

    Of the questions that offer two matters those with an emergency are some three in four, and fewer than a sixth of all that
    could be asked. The others, and those that offer three, are made when a call first needs them, and kept from then on.
    """
    return _each_once(_rehearsals(bundle, at))


def _each_once(rehearsals: Iterable[Rehearsal]) -> Iterator[Say]:
    seen: set[tuple[object, ...]] = set()
    for rehearsal in rehearsals:
        for action in rehearsal.actions:
            if isinstance(action, Say) and (key := (action.prompts, action.language)) not in seen:
                seen.add(key)
                yield action


def _rehearsals(bundle: Bundle, at: datetime) -> Iterator[Rehearsal]:
    languages = bundle.prompts.languages
    for language in languages:
        yield _silent(bundle, at, language)
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
    for language in languages:
        yield from _emergencies_in_doubt(bundle, at, language)


def _emergencies_in_doubt(bundle: Bundle, at: datetime, language: str) -> Iterator[Rehearsal]:
    matters = bundle.routes.matters
    for urgent in filter(bundle.routes.is_emergency, matters):
        for other in matters:
            if other != urgent:
                call = _begun(bundle, at, language)
                call.say(urgent, parse_meaning(f"choose {urgent} {other}", urgent))
                yield call


def _silent(bundle: Bundle, at: datetime, language: str) -> Rehearsal:
    rehearsal = _begun(bundle, at, language)
    rehearsal.stay_silent(60)
    return rehearsal


def _begun(bundle: Bundle, at: datetime, language: str) -> Rehearsal:
    call = Rehearsal(bundle, None, at=at)
    call.start(CallStarted(Caller(), language=language))
    return call
