"""A softphone that plays scripted callers, one or hundreds at a time: for the demo, tests and load.

It speaks real SIP, follows a script (speak, press keys, wait, barge in, hang up), and reports what it heard and when. It runs as
a process of its own (`python -m voicebot.softphone`), since a process has one SIP stack at most. Imports neither web nor cli.
"""

from voicebot.softphone.process import run_script_process
from voicebot.softphone.report import CallReport, Moment
from voicebot.softphone.script import (
    CallScript,
    HangUp,
    Keys,
    OnTransfer,
    Pause,
    Play,
    Say,
    ScriptError,
    Step,
    UntilEnded,
    UntilSilent,
    UntilSpeaking,
    parse_script,
)

__all__ = [
    "CallReport",
    "CallScript",
    "HangUp",
    "Keys",
    "Moment",
    "OnTransfer",
    "Pause",
    "Play",
    "Say",
    "ScriptError",
    "Step",
    "UntilEnded",
    "UntilSilent",
    "UntilSpeaking",
    "parse_script",
    "run_script_process",
]
