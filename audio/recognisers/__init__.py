"""Recognisers behind the contract of `audio.types`: Whisper (embedded) and Vosk (streaming, the operator's own model).

`load_recogniser` makes one from settings. Decoding runs in worker threads of a bounded pool, never on the event loop.
"""
