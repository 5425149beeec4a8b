"""What became of a hand-off in the queue: events of the contact centre, agents' verdicts, and which calls were misrouted."""
