"""What a no before other words means where something was asked or offered: what it denies, and what it names instead."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from dialogs.data.bundle import Bundle
from dialogs.engine.readings.commands import LEADING_NO, after_no, denies_plainly, reports_trouble
from dialogs.engine.readings.hints import folded, heard_in, words_of
from dialogs.engine.readings.priors import LIKELY
from dialogs.engine.state import CallState
from nlu.types import Act, Decision, Understanding

UNWANTED = "unwanted"  # a second no, before what is not wished for ("nie, nie chcę…")
_WORTH_TAKING = 0.35  # probability from which a matter beside a no is what it should have been
_MOST_CHOICES = 3


def heed_no(bundle: Bundle, state: CallState, understood: Understanding, on_table: Collection[str], text: str) -> Understanding:
    """The understanding with the no it begins with taken for the answer to what was asked.

    A denial heard in words that name something else ("nie, o hipoteczny") is what the caller wants; an emergency denied where
    another one was asked about is that other one; and a report of trouble ("nie działa") is no no.
    """
    if understood.act is Act.DENY and reports_trouble(bundle, state.language, text):
        return replace(understood, act=None)
    if understood.act is Act.AFFIRM and _is_no_with_thanks(bundle, state, text):
        return replace(understood, act=Act.DENY)
    urgent = bundle.routes.is_emergency
    asked = tuple(intent for intent in on_table if urgent(intent))
    if asked and any(map(urgent, understood.denied)) and not set(understood.denied) & set(on_table):
        return replace(understood, denied=(*understood.denied, *asked))
    return _named_instead(bundle, state, understood, on_table, text)


def _is_no_with_thanks(bundle: Bundle, state: CallState, text: str) -> bool:
    """A no that goes on kindly ("no, that's fine"), without a yes in it."""
    rest = after_no(bundle, state.language, text)
    yes = folded(bundle.flow.commands.get("yes", {}).get(state.language, ()))
    return bool(rest) and not any(word in yes for word in rest)


def _named_instead(
    bundle: Bundle, state: CallState, understood: Understanding, on_table: Collection[str], text: str
) -> Understanding:
    """What is named after the no, to be confirmed: with one no there is no telling it from a denial."""
    rest = after_no(bundle, state.language, text)
    no = folded(bundle.flow.commands.get(LEADING_NO, {}).get(state.language, ()))
    settled = understood.decision is not Decision.REJECT or understood.act is not Act.DENY
    if settled or not rest or any(word in no for word in rest) or denies_plainly(bundle, state.language, text):
        return understood
    unwanted = bundle.flow.hints.get(UNWANTED, {}).get(state.language, ())
    if heard_in(unwanted, words_of(text)):
        return understood
    likely = [one.intent for one in understood.ranking if one.confidence >= _WORTH_TAKING]
    named = [
        intent
        for intent in understood.denied or likely
        if intent in bundle.routes.matters
        and intent not in on_table
        and intent not in state.denied
        and not bundle.routes.is_emergency(intent)
    ]
    if not named or len(named) < len(understood.denied):
        return understood
    several = len(named) > 1
    return replace(
        understood,
        intent=named[0],
        confidence=LIKELY,
        decision=Decision.CHOOSE if several else Decision.CONFIRM,
        choices=tuple(named[:_MOST_CHOICES]) if several else (),
        denied=(),
    )
