"""What is shared between processes and short-lived, over the Redis protocol: live calls, admission, counters, live conditions.

A state server that is slow, away or back again harms no call: every command has a deadline, a circuit breaker keeps calls from
waiting for a server known to be away, and what could not be written is kept and written when it returns.
"""
