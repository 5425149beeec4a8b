"""The scripted caller by itself."""
