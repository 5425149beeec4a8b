"""Commands for the conversation: try it, test it, draw it, its prompts and its understanding."""
