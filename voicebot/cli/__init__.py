"""The command line (`main.app`). Each command's module imports what it needs when it runs, so that `voicebot --help` is quick."""
