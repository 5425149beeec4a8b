"""The voice codecs of the SIP stack, and how it is told to hand their sound over: mono, at 8 or 16 kHz, without delay."""

from __future__ import annotations

from typing import Literal

Codec = Literal["opus", "g722", "pcma", "pcmu"]

# The stack looks codecs up by name/rate/channels. Opus is opus/48000/2 in SDP whatever it runs at inside (RFC 7587, 4.1).
CODEC_SPECS: dict[Codec, str] = {"opus": "opus/16000/1", "g722": "g722/16000/1", "pcma": "pcma", "pcmu": "pcmu"}
WIDEBAND: frozenset[Codec] = frozenset({"opus", "g722"})
"""Those of 16 kHz."""

MEDIA_DIRECTIVES = (
    # a recogniser hears 16 kHz mono: let Opus decode to just that instead of resampling 48 kHz stereo
    "opus_samplerate 16000",
    "opus_stereo no",
    "opus_sprop_stereo no",
    # of Opus only: speech at 16 kHz is good at 24 kbit/s, and says a lost packet again in the next one
    "opus_bitrate 24000",
    "opus_complexity 5",
    "opus_application voip",
    "opus_inbandfec yes",
    # the stack's own choice, a fixed 100 ms, is heard in every answer: begin with 20 ms and grow with the line's jitter
    "audio_jitter_buffer_type adaptive",
    "audio_jitter_buffer_ms 20-200",
    # after a hiccup of the machine the playout buffer would stay full for the rest of the call: shrink it during silence
    "audio_buffer 20-160",
    "audio_buffer_mode adaptive",
    "audio_silence -50.0",
)
