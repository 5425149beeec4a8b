"""From words and keys to one kind of answer: what the caller means at the step where it was said."""
