"""Sound: resampling, voice activity, recognisers, synthesis, the prompt store, values in words, recordings, models.

Imports nothing else of ours. PCM everywhere is signed 16-bit little-endian mono unless a name says otherwise. Nothing here waits
on the event loop for an engine or a disk: decoding runs in a bounded pool, synthesis in processes, recordings in a thread.
"""
