"""Which language the call is in: offered by the caller's number, heard in their words, switched at any time."""

from __future__ import annotations

from dialogs.data.bundle import Bundle
from dialogs.data.flow import Menu, Question
from dialogs.engine.steps import asking
from dialogs.engine.turn import Turn
from dialogs.events import CallStarted

MOST_SWITCHES = 4


def choose_at_start(bundle: Bundle, event: CallStarted, line: str) -> tuple[str, str | None]:
    """The language to greet in, and the one to offer beside it (None: nothing suggests another)."""
    rule, languages = bundle.routes.languages, bundle.routes.lines[line].languages
    if event.language in languages:
        return str(event.language), None
    hint = event.language or event.caller.language or _by_prefix(rule.by_prefix, event.caller.number)
    hint = rule.same_as.get(hint, hint) if hint else None
    if hint in languages:
        return str(hint), None if hint == languages[0] else languages[0]
    return languages[0], hint if hint in rule.short else None


def _by_prefix(prefixes: object, number: str | None) -> str | None:
    if not number or not isinstance(prefixes, dict):
        return None
    longest = max((prefix for prefix in prefixes if number.startswith(prefix)), key=len, default=None)
    return prefixes[longest] if longest else None


def offer(turn: Turn) -> None:
    """Say in the other language that it can be had."""
    if turn.state.offered_language:
        turn.say(turn.bundle.flow.says.language_offer, language=turn.state.offered_language)


def switch(turn: Turn, language: str) -> bool:
    """Go on in this language; False when it is the present one, or the call has changed languages too often."""
    state = turn.state
    if language == state.language or state.switches >= MOST_SWITCHES:
        return False
    state.switches += 1
    state.language = language
    turn.decide("language", f"the caller speaks or asked for {language}")
    return True


def take_over(turn: Turn, language: str | None) -> None:
    """Go on in the language the caller just spoke: in it where we can, else with word of it to the agent."""
    if language in turn.bundle.routes.languages.short:
        turn.state.caller_language = language
    elif language is not None:
        switch(turn, language)


def asked_for(turn: Turn, language: str) -> str | None:
    """Another language: the whole conversation in it, or its short message and its own queue."""
    state, bundle = turn.state, turn.bundle
    languages = bundle.routes.lines[state.line].languages
    if language == "other":
        others = [other for other in languages if other != state.language]
        language = state.offered_language or (others[0] if others else state.language)
        state.offered_language = None
    if language in bundle.routes.languages.short:
        state.caller_language = language
        turn.decide("language", f"{language}: its own queue")
        return bundle.flow.anywhere.short_language
    step = bundle.flow.steps[state.step]
    if switch(turn, language):
        turn.say(bundle.flow.says.language_switched)
    if isinstance(step, Question | Menu):
        return asking.ask(turn, step, after="resume")
    return None
