"""Call records that last: one row a call, its journal, and the utterances people review; in SQL, and as JSON files where wanted.

`RecordStore` is all others need. Writing happens in a thread of its own; while the database is away records wait on disk.
"""

from voicebot.records.store import RecordStore
from voicebot.records.summary import CallSummary

__all__ = ["CallSummary", "RecordStore"]
