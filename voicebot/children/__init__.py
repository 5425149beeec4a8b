"""Child processes of ours: how a parent keeps one running, and what a child does on its side."""
