"""What a caller says in confidence is found nowhere afterwards: conversations with secrets, and a search of what was written."""
