"""Reading text: normalising, numbers, days, dialogue acts, entities, and redaction of personal numbers."""
