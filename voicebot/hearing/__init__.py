"""How well recognisers hear a bank's own callers: folders of audio with what was said, figures side by side, and a report.

May import `audio`, `nlu`, the records, the reviews and the figures' estimates; the command line and the benches import it.
"""
