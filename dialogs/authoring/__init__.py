"""Tools for people who design the conversation: pictures of the flow, lists of prompts, studio recordings."""
