"""What the law wants said: that a bot speaks (AI Act art. 50(1)) and that the call is recorded; and whether it was heard."""

from __future__ import annotations

from dialogs.data.bundle import Bundle
from dialogs.engine.steps import languages
from dialogs.engine.turn import Turn
from dialogs.events import Switch

BOT_NOTICE_S = 2.5  # the notice opens the greeting, and is over after this long


def at_start(bundle: Bundle, *, recorded: bool) -> tuple[str, ...]:
    """The notices due in this call."""
    says = bundle.flow.says
    return (says.notice_bot, says.notice_recording) if recorded else (says.notice_bot,)


def open_call(turn: Turn) -> None:
    """After the greeting: recording, surge, and the other language."""
    state, says = turn.state, turn.bundle.flow.says
    if state.recorded:
        turn.say(says.notice_recording)
    for prompt in dict.fromkeys(_announcement(turn, switch) for switch in state.conditions.switches if not switch.queue):
        if prompt:
            turn.say(prompt)
    languages.offer(turn)
    if state.deaf and "keys" not in state.preferences:
        turn.say(says.use_keys)


def _announcement(turn: Turn, switch: Switch) -> str | None:
    """What a switch for the whole hotline announces: the prompt it names, else the usual one, if approved and valid today."""
    says = turn.bundle.flow.says
    usual = {"surge": says.surge, "closure": says.closure}.get(switch.name, "")
    day = turn.bundle.calendar.local(turn.now).date()
    may_be_said = [prompt for prompt in (switch.prompt, usual) if turn.bundle.prompts.may_say(prompt, turn.state.language, day)]
    return may_be_said[0] if may_be_said else None


def heard(turn: Turn, mark: str) -> None:
    """The `Say` with this mark was heard to its end, and with it the notices in it and before it."""
    _settle(turn, [prompt for said, prompt in turn.state.notices_said if _number(said) <= _number(mark)], "heard")
    turn.state.notices_said = tuple(said for said in turn.state.notices_said if _number(said[0]) > _number(mark))


def cut_off(turn: Turn, mark: str, played_s: float) -> None:
    """The `Say` with this mark was stopped: earlier ones were heard, this one's notices only if they were over."""
    state = turn.state
    done = [prompt for said, prompt in state.notices_said if _number(said) < _number(mark)]
    for said, prompt in state.notices_said:
        if said == mark and prompt == turn.bundle.flow.says.notice_bot and played_s >= BOT_NOTICE_S:
            done.append(prompt)
        elif said == mark:
            turn.decide("notice", f"{prompt}: cut off after {played_s:.1f} s")
    _settle(turn, done, "heard")
    state.notices_said = ()


def _settle(turn: Turn, prompts: list[str], how: str) -> None:
    for prompt in dict.fromkeys(prompts):
        if prompt in turn.state.notices_due:
            turn.decide("notice", f"{prompt}: {how}")
            turn.state.notices_due = tuple(due for due in turn.state.notices_due if due != prompt)


def _number(mark: str) -> int:
    return int(mark[1:]) if mark[1:].isdigit() else 0
