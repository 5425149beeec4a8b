"""Sound: resampling and codecs, voice activity, recognisers, synthesis, the prompt store, recordings.

Imports nothing else of ours. PCM everywhere is signed 16-bit little-endian mono unless a name says otherwise.
"""
