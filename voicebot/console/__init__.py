"""The console: pages for those who tune, watch and approve, and for agents. A process of its own beside calls and web."""
