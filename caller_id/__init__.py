"""Who is calling and how sure that is: numbers, trust, the customer directory, segment.

Imports nothing else of ours. A number is a hint, never identity: see `caller_id.types.Caller`.
"""
