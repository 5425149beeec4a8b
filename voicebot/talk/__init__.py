"""The conversation as text: scripts and people in place of callers, the same dialogue, understanding and directory."""

from voicebot.talk.call import TextCall
from voicebot.talk.script import CallerTurn, CallOptions, Script, TalkError, parse_script, parse_turn, turns_of
from voicebot.talk.starting import Starter, caller_for
from voicebot.talk.told import as_json, outcome_of, say_in_words, seconds_of, words_of, words_of_record

__all__ = [
    "CallOptions",
    "CallerTurn",
    "Script",
    "Starter",
    "TalkError",
    "TextCall",
    "as_json",
    "caller_for",
    "outcome_of",
    "parse_script",
    "parse_turn",
    "say_in_words",
    "seconds_of",
    "turns_of",
    "words_of",
    "words_of_record",
]
