"""What makes the call easier for this caller: slower speech, more time, keys only, no recording, a moment to think."""

from __future__ import annotations

from dialogs.data.flow import Menu, Question
from dialogs.engine.readings.commands import NO_RECORDING
from dialogs.engine.steps import asking
from dialogs.engine.turn import Turn
from dialogs.events import StopRecording

ABOUT_BOT = "about_bot"
PREFERENCES = ("slow", "patient", "keys")


def wait(turn: Turn) -> None:
    """The caller asked for a moment: the bot falls silent, and comes back."""
    turn.state.waits += 1
    turn.decide("wait", "the caller asked for a moment")
    turn.say(turn.bundle.flow.says.wait)
    turn.wait()


def obey(turn: Turn, command: str) -> str | None:
    """Carry out a command that is no answer, and put the question again."""
    says, state = turn.bundle.flow.says, turn.state
    if command == "menu":
        asking.enter_menu(turn)
        turn.decide("menu", "the caller asked for the menu")
        return turn.bundle.flow.anywhere.menu
    if command == "wrong_number":
        return turn.bundle.flow.anywhere.goodbye
    if command == ABOUT_BOT:
        turn.say(says.who)
    elif command == NO_RECORDING:
        stop_recording(turn)
        turn.say(says.recording_stopped)
    elif command == "comfort_off":
        for preference in sorted(state.preferences):
            turn.remember(preference, on=False)
        turn.say(says.comfort_off)
    elif command in PREFERENCES:
        turn.remember(command)
        turn.decide("comfort", command)
        turn.say({"slow": says.slower, "patient": says.patient, "keys": says.keys}[command])
        if command == "keys":
            asking.enter_menu(turn)
            return turn.bundle.flow.anywhere.menu
    step = turn.bundle.flow.steps[state.step]
    if isinstance(step, Question | Menu):
        return asking.ask(turn, step, after="resume")
    return None


def stop_recording(turn: Turn) -> None:
    """Record no more, and give no notice of it."""
    turn.decide("notice", "recording: the caller opted out")
    if turn.state.recorded:
        turn.actions.append(StopRecording())
        turn.state.recorded = False
    turn.state.notices_due = tuple(
        prompt for prompt in turn.state.notices_due if prompt != turn.bundle.flow.says.notice_recording
    )
