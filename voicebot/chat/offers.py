"""What can be chosen with a button now: the keys the dialogue offers at this moment, each with its name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dialogs.data.bundle import Bundle
from dialogs.data.errors import PromptMissing
from dialogs.data.flow import Connect, Menu, Question
from dialogs.data.prompts import BUTTON
from dialogs.engine.state import CallState, Phase
from dialogs.events import Expect, Prompt
from voicebot.chat.page import page_words
from voicebot.chat.wording import CHANNEL, written_text


@dataclass(frozen=True, slots=True)
class Choice:
    """One button: the key it stands for, and its name. `label` is approved text: of the matter, the menu's option, or the answer
    (`choice.yes` in the bundle). Without one the page has a word of its own for the answer's `name`: yes, no, none_of_these,
    callback, message, leave, stay.
    """

    key: str
    label: str = ""
    name: str = ""


def choices(bundle: Bundle, state: CallState, when: datetime) -> tuple[Choice, ...]:
    """The buttons of this moment, in the order of their keys as they would be read out."""
    step = bundle.flow.steps.get(state.step)
    match step:
        case Menu() if state.phase is Phase.LISTENING:
            options = bundle.routes.menus.get(state.menu, {})
            return tuple(Choice(key, _label(bundle, option.say, state, when)) for key, option in options.items())
        case Connect() if step.keys and state.phase is Phase.ANNOUNCING:
            matters = bundle.routes.emergency_keys.items()
            return tuple(Choice(key, _label(bundle, f"matter.{intent}", state, when)) for key, intent in matters)
        case Question() if state.phase is Phase.LISTENING:
            return _of_question(bundle, state, step, when)
    return ()


def read_out(bundle: Bundle, state: CallState) -> frozenset[str]:
    """The prompts that name the choices one by one: buttons take their place."""
    step = bundle.flow.steps.get(state.step)
    option = step.option if isinstance(step, Menu | Question) else None
    return frozenset({option}) if option else frozenset()


def announcements(bundle: Bundle) -> frozenset[str]:
    """The prompts that say that the customer is put through to a human, without the tags of their variants."""
    says = bundle.flow.says
    spoken = [says.try_other, says.too_long, says.expected_wait, says.second_kept]
    spoken += [prompt for step in bundle.flow.steps.values() if isinstance(step, Connect) for prompt in step.announce]
    return frozenset(prompt.partition(".")[0] for prompt in spoken if prompt)


def label_of(bundle: Bundle, state: CallState, key: str, when: datetime) -> str:
    """What the customer chose with this key, as their page showed it; the key itself where it had no button."""
    words, keys = page_words(state.language), bundle.routes.keys
    chosen = next((choice for choice in choices(bundle, state, when) if choice.key == key), None)
    if chosen is not None:
        return chosen.label or words.get(f"choice_{chosen.name}") or chosen.name or key
    return words.get({keys.emergency: "emergency", keys.human: "human"}.get(key, "")) or key


def _of_question(bundle: Bundle, state: CallState, step: Question, when: datetime) -> tuple[Choice, ...]:
    if step.option is not None:
        named = [_label(bundle, f"matter.{intent}", state, when) for intent in state.candidates]
        offered = tuple(Choice(str(place), label) for place, label in enumerate(named, start=1))
        return (*offered, _named(bundle, state, when, str(len(offered) + 1), "none_of_these"))
    keys = step.keys or ({"1": "yes", "2": "no"} if step.expect is Expect.YES_NO else {})
    return tuple(_named(bundle, state, when, key, name) for key, name in keys.items())


def _named(bundle: Bundle, state: CallState, when: datetime, key: str, name: str) -> Choice:
    """A button for an answer: the bundle's text `choice.<name>`, else the page's own word."""
    try:
        approved = bundle.text(Prompt(f"{BUTTON}{name}"), state.language, when, CHANNEL)
    except PromptMissing:
        return Choice(key, name=name)
    return Choice(key, approved.text, name) if approved.language == state.language else Choice(key, name=name)


def _label(bundle: Bundle, prompt_id: str, state: CallState, when: datetime) -> str:
    text = written_text(bundle, Prompt(prompt_id), state.language, when).rstrip(".:")
    return text[:1].upper() + text[1:]
