"""From a key to an `Answer`: the same meanings as words have, at the same steps."""

from __future__ import annotations

from dialogs.data.bundle import Bundle
from dialogs.data.flow import Confirmation, Connect, Menu, Question, Step
from dialogs.data.routes import MenuOption
from dialogs.engine.readings.answers import Answer, Means
from dialogs.engine.state import CallState
from dialogs.events import Expect

ALL = frozenset("0123456789*#")
MAIN_MENU = "main"


def on_offer(step: Step) -> bool:
    """Keys were read out at this step, so that their names said aloud are answers."""
    asks = isinstance(step, Question) and (bool(step.keys) or step.option is not None or step.expect is Expect.YES_NO)
    return isinstance(step, Menu) or asks


def everywhere(bundle: Bundle) -> dict[str, Means]:
    """The keys that mean the same at every step."""
    own = bundle.routes.keys
    return {
        own.emergency: Means.SECURITY,
        own.human: Means.AGENT,
        own.main_menu: Means.MENU,
        own.repeat: Means.REPEAT,
    }


def read(bundle: Bundle, state: CallState, step: Step, key: str) -> Answer:
    """What this key means at this step; NOTHING when it has no meaning there."""
    routes = bundle.routes
    if isinstance(step, Connect) and step.keys and key in routes.emergency_keys:
        return _matters(bundle, (routes.emergency_keys[key],))
    same = everywhere(bundle).get(key)
    if same is not None:
        return Answer(same, by="key", option=MAIN_MENU if same is Means.MENU else "")
    if isinstance(step, Confirmation):
        return Answer({"1": Means.YES, "2": Means.NO}.get(key, Means.NOTHING), by="key")
    if isinstance(step, Question):
        answer = _at_question(bundle, state, step, key)
        if answer is not None:
            return answer
    return _at_menu(bundle, state.menu if isinstance(step, Menu) else MAIN_MENU, key)


def _at_question(bundle: Bundle, state: CallState, step: Question, key: str) -> Answer | None:
    """Options and yes/no have their keys; at an open question the keys are those of the main menu (None)."""
    if step.option is not None:
        place = int(key) if key.isdigit() else 0
        if 1 <= place <= len(state.candidates):
            return _matters(bundle, (state.candidates[place - 1],))
        return Answer(Means.NO if place == len(state.candidates) + 1 else Means.NOTHING, by="key")
    if step.keys:
        option = step.keys.get(key)
        return Answer(Means.OPTION if option else Means.NOTHING, by="key", option=option or "")
    if step.expect is Expect.YES_NO:
        return Answer({"1": Means.YES, "2": Means.NO}.get(key, Means.NOTHING), by="key")
    return None


def _at_menu(bundle: Bundle, menu: str, key: str) -> Answer:
    option = bundle.routes.menus.get(menu, {}).get(key)
    if option is None:
        return Answer(Means.NOTHING, by="key")
    return _option(bundle, option)


def _option(bundle: Bundle, option: MenuOption) -> Answer:
    if option.menu:
        return Answer(Means.MENU, by="key", option=option.menu)
    if option.language:
        return Answer(Means.LANGUAGE, by="key", option=option.language)
    if option.command:
        return Answer(Means.COMMAND, by="key", option=option.command)
    if option.step:
        return Answer(Means.STEP, by="key", option=option.step)
    return _matters(bundle, option.intents)


def _matters(bundle: Bundle, intents: tuple[str, ...]) -> Answer:
    """One matter is known for certain; several share a queue, so the place is known and the matter is not."""
    first = intents[0]
    if len(intents) > 1:
        return Answer(Means.MATTER, by="key", queue=bundle.routes.human_queue(first))
    means = Means.EMERGENCY if bundle.routes.is_emergency(first) else Means.MATTER
    return Answer(means, by="key", intent=first, confidence=1.0)
