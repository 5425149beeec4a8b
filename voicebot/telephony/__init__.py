"""Legs: one module per kind of telephone line, all behind the small contract in `voicebot.telephony.leg`."""
