"""Messages and callbacks that nobody finished: cases with an owner, a time they are due, and a history."""
