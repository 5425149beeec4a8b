"""What the bot's last words offer, read from the prompts it spoke: what a caller can answer to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dialogs.events import Action, CollectKeys, Expect, Listen, Prompt, Say

_MATTER, _MENU_NAME = "matter.", "menu_name."
# prompts that are no question about the matter, by the beginning of their ids
_BY_STEM = {
    "connect": "announced",
    "callback_number": "agree",
    "callback_confirm": "agree",
    "callback_keys": "number",
    "closed": "closed",
    "long_wait": "long_wait",
    "leave_message": "dictate",
    "after_message": "after_message",
    "survey": "survey",
    "app_offer": "agree",
    "same_matter": "same",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """`kind` is open, confirm, choose, menu, yes_no, announced, agree, number, closed, long_wait, dictate, after_message, survey
    or same."""

    kind: str
    matters: tuple[str, ...] = ()
    """Asked about, or to choose from, in the order they were read."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Keys read out, and the id of what each stands for."""
    queue: str = ""
    """The announced queue; "" when the words name none."""
    barge_in: bool = True
    """Whether words spoken over it are heard."""

    @property
    def about_the_matter(self) -> bool:
        """Whether it is a question about why the caller calls."""
        return self.kind in ("open", "confirm", "choose", "menu", "yes_no")


def offer_of(actions: Sequence[Action]) -> Offer:
    """What was offered by all that the bot did since the caller last did anything."""
    prompts = [prompt for action in actions if isinstance(action, Say) for prompt in action.prompts]
    last = next((action for action in reversed(actions) if isinstance(action, Listen | CollectKeys)), None)
    for prompt in reversed(prompts):
        kind = next((kind for stem, kind in _BY_STEM.items() if prompt.id.startswith(stem)), None)
        if kind:
            return Offer(kind, queue=_announced(prompt.id), barge_in=_can_interrupt(actions))
    if isinstance(last, CollectKeys):
        return Offer("number")
    return _about_the_matter(prompts, last.expect if last else Expect.OPEN)


def _can_interrupt(actions: Sequence[Action]) -> bool:
    return next((action.barge_in for action in reversed(actions) if isinstance(action, Say)), True)


def _about_the_matter(prompts: Sequence[Prompt], expect: Expect) -> Offer:
    matters = tuple(dict.fromkeys(matter for prompt in prompts for matter in _matters(prompt)))
    keys = {key: what for prompt in prompts for key, what in _key(prompt)}
    if any(what.startswith(_MENU_NAME) for what in keys.values()):
        return Offer("menu", matters, keys)
    if len(matters) > 1:
        return Offer("choose", matters, keys)
    if matters:
        return Offer("confirm", matters)
    return Offer("yes_no" if expect is Expect.YES_NO else "open")


def _matters(prompt: Prompt) -> list[str]:
    named = [value.removeprefix(_MATTER) for _, value in prompt.params if value.startswith(_MATTER)]
    suffix = prompt.id.partition(".")[2]
    return named or ([suffix] if prompt.id.startswith("confirm_emergency.") else [])


def _key(prompt: Prompt) -> list[tuple[str, str]]:
    params = dict(prompt.params)
    return [(params["key"], params["what"])] if {"key", "what"} <= params.keys() else []


def _announced(prompt: str) -> str:
    stem, _, queue = prompt.partition(".")
    return queue if stem == "connect" else "card_emergency" if prompt == "connect_security" else ""
