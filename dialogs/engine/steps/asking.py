"""The ladder of a question: ask, ask again in other words and shorter, and after a few tries go on without an answer."""

from __future__ import annotations

from dialogs.data.flow import MAX_ASKS, Collect, Menu, Question
from dialogs.data.prompts import ALONE
from dialogs.engine.readings.keys import MAIN_MENU
from dialogs.engine.turn import Line, Turn
from dialogs.events import Expect

MOVES_ON = ("", "miss", "silence")  # after these the next wording is due; after a pause or a switch of language the same one


def ask(turn: Turn, step: Question | Menu, *, after: str = "") -> str | None:
    """Ask the question once more. `after` is what came before: "silence", "miss", "help", "repeat", "resume" when the caller has
    not answered yet (a pause, another language, a slower voice), "hold" when the call was on hold, "" on entering.

    Returns the step to go to instead, when it has been asked as often as a call allows.
    """
    state = turn.state
    name = f"menu:{state.menu}" if isinstance(step, Menu) else state.step
    if after == "hold":  # whoever listens now has not heard it
        state.asked[name] = max(0, state.asked[name] - 1)
        after = "resume"
    if state.asked[name] >= turn.bundle.flow.limits.asks:
        turn.decide("spent", f"{name} was asked {state.asked[name]} times")
        turn.tried(f"spent:{name}")
        return _given_up(turn, step)
    state.asked[name] += 1
    state.attempt = state.asked[name]
    _tell(turn, step)
    if after == "repeat" and _say_again(turn, step):
        pass
    elif isinstance(step, Menu):
        _read_menu(turn, step, after)
    else:
        _put_question(turn, step, after)
    listen(turn, step)
    return None


def listen(turn: Turn, step: Question | Menu) -> None:
    """Speak what was gathered, and listen as this step does."""
    turn.listen(Expect.CHOICE if isinstance(step, Menu) else step.expect, code=step.code is not None)


def _tell(turn: Turn, step: Question | Menu) -> None:
    """Note for the agent what the caller is asked."""
    state = turn.state
    if isinstance(step, Menu):
        state.tell("offered", f"menu {state.menu}")
    elif step.option is not None:
        state.tell("offered", ", ".join(state.candidates))
    elif state.candidate is not None and state.candidate.intent:
        state.tell("asked", state.candidate.intent)
    else:
        state.tell("asked", state.step)


def _say_again(turn: Turn, step: Question | Menu) -> bool:
    """The same words for whoever asked "what?", without the greeting. Asked a second time, or where the question had been put in
    more words, the shortest ones (False: they are still to be said).
    """
    state = turn.state
    if not state.said:
        return False
    again = state.asked[f"repeat:{state.step}"] > 1 or state.worded[_worded_as(turn, step)] > 1
    if isinstance(step, Question) and again and len(step.ask) > 1:
        return False
    turn.add(_without_opening(turn))
    return True


def _without_opening(turn: Turn) -> list[Line]:
    """What was said, but for the greeting and the announcements that went before it; all of it when there was nothing else."""
    says, state = turn.bundle.flow.says, turn.state
    opening = {says.notice_bot, says.notice_recording, says.surge, says.closure, says.language_offer}
    opening |= {switch.prompt for switch in state.conditions.switches}
    rest = [line for line in state.said if line[0].id.removesuffix(".short") not in opening]
    return rest or list(state.said)


def _put_question(turn: Turn, step: Question, after: str) -> None:
    state = turn.state
    tag = state.candidate.intent if state.candidate else state.menu
    named = False
    if after == "help" and step.help:
        turn.say(step.help, tag)
    elif after == "silence" and step.silent:
        turn.say(step.silent[min(state.silences, len(step.silent)) - 1], *_situations(turn), tag)
    else:
        asked = turn.say(_wording(turn, step, after), *_tags(turn, step, tag), language=state.caller_language)
        named = any(name == "last" for name, _ in asked.params)
        state.wait_told = state.wait_told or any(name == "wait" for name, _ in asked.params)
    if state.deaf and after != "help":
        _name_the_keys(turn, step)
    if step.option is not None and not named:
        for place, intent in enumerate(state.candidates, start=1):
            turn.say(step.option, what=_name(turn, intent), key=str(place))


def _name(turn: Turn, intent: str) -> str:
    """The prompt with a matter's name as it stands alone; the one within a sentence where they are the same."""
    alone = f"{ALONE}{intent}"
    return alone if turn.bundle.prompts.has(alone, turn.state.language) else f"matter.{intent}"


def _wording(turn: Turn, step: Question, after: str) -> str:
    """The prompt that is due: each answer that is none moves on to the next, and a new thing to ask about starts again."""
    state, name = turn.state, _worded_as(turn, step)
    if after == "repeat":
        return step.ask[-1]
    state.worded[name] += after in MOVES_ON
    return step.ask[min(max(state.worded[name], 1), len(step.ask)) - 1]


def _worded_as(turn: Turn, step: Question | Menu) -> str:
    """The name under which a question's wordings are counted: each thing to ask about begins with the first."""
    state = turn.state
    if isinstance(step, Menu):
        return f"{state.step}:{state.menu}"
    about = ",".join(state.candidates) if step.option else state.candidate and state.candidate.intent
    return f"{state.step}:{about}"


def _name_the_keys(turn: Turn, step: Question) -> None:
    """For whoever cannot speak: the keys that answer."""
    if step.keys and step.help and turn.state.attempt == 1:  # the next attempt names them itself
        turn.say(step.help)
    elif step.expect is Expect.YES_NO:
        turn.say(turn.bundle.flow.says.yes_no_keys)


def _tags(turn: Turn, step: Question, tag: str | None) -> tuple[str | None, ...]:
    """A wording may depend on the matter asked about, on how many there are to choose from, on why a queue is closed and which,
    on whether there is a figure for the wait, or on a number from abroad.
    """
    state, target = turn.state, turn.state.target
    if step.option is not None:
        return (None if state.deaf else {2: "two", 3: "three"}.get(len(state.candidates)),)
    number = state.number or state.caller.number
    abroad = "abroad" if number and not number.startswith("+48") else None
    if target is None:
        return (*_situations(turn), tag, abroad)
    no_figure = "no_figure" if target.wait_s is None else None
    return (*_situations(turn), tag, "switched" if target.switched else target.queue, no_figure, abroad)


def _situations(turn: Turn) -> tuple[str, ...]:
    """The caller's situation (a death in the family), which comes before the matter it was taken for."""
    candidate = turn.state.candidate
    return candidate.situations if candidate else ()


def _read_menu(turn: Turn, step: Menu, after: str) -> None:
    state = turn.state
    if after == "help" and step.help:
        turn.say(step.help)
    if after == "silence" and step.short:
        turn.say(step.short, state.menu, "deaf" if state.deaf else None)
        return
    turn.say(step.intro if state.attempt == 1 else step.again, state.menu, "deaf" if state.deaf else None)
    for key, option in turn.bundle.routes.menus[state.menu].items():
        turn.say(step.option, what=option.say, key=key)
    turn.say(step.closing, state.menu)


def no_input(turn: Turn, step: Question | Menu) -> str | None:
    """Silence: ask differently, or go on after too many."""
    state = turn.state
    state.silences += 1
    state.tell("silence", state.step)
    turn.tried(f"no_input:{state.step}")
    if state.silences >= _allowed(step, turn.bundle.flow.limits.silences):
        turn.decide("spent", f"{state.silences} silences at {state.step}")
        return _given_up(turn, step)
    turn.decide("reask", f"silence {state.silences} at {state.step}")
    return ask(turn, step, after="silence")


def _given_up(turn: Turn, step: Question | Menu) -> str:
    """Where the call goes when the question stays open; whoever never said a word may have left."""
    unanswered = step.unanswered if isinstance(step, Question) else None
    return unanswered if unanswered and turn.state.misses == 0 and turn.state.silences else step.spent


def no_match(turn: Turn, step: Question | Menu) -> str | None:
    """Something was said or pressed that is no answer here."""
    state = turn.state
    state.misses += 1
    state.tell("not_understood", state.step)
    turn.tried(f"no_match:{state.step}")
    if state.misses >= _allowed(step, turn.bundle.flow.limits.misses):
        turn.decide("spent", f"{state.misses} answers not understood at {state.step}")
        return step.spent
    turn.decide("reask", f"not understood at {state.step}")
    return ask(turn, step, after="miss")


def _allowed(step: Question | Menu, limit: int) -> int:
    tries = step.tries if isinstance(step, Question) else None
    return limit if tries is None else min(tries, MAX_ASKS)


def enter_menu(turn: Turn, menu: str = MAIN_MENU) -> None:
    """Stand at this menu from now on; silences and misses count anew."""
    turn.state.menu = menu
    turn.state.silences = turn.state.misses = 0


def collect(turn: Turn, step: Collect) -> str | None:
    """Ask for a number by keys; returns the next step when it has been asked for too often."""
    state = turn.state
    if state.asked[state.step] >= min(turn.bundle.flow.limits.asks, len(step.ask)):
        turn.decide("spent", f"{state.step} was asked {state.asked[state.step]} times")
        return step.spent
    turn.say(step.ask[state.asked[state.step]])
    state.asked[state.step] += 1
    turn.collect(step.max_digits, secret=step.secret)
    return None
