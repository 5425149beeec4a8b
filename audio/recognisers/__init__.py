"""Recognisers behind the contract of `audio.types`: Whisper (embedded), Vosk and sherpa-onnx (the operator's own models).

`load_recogniser` makes one from settings. Decoding runs in worker threads of a bounded pool, never on the event loop.
"""
