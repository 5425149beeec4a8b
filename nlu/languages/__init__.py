"""One module per language: its number words, dialogue acts and function words."""
