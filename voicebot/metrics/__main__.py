"""`python -m voicebot.metrics` writes docs/metrics.md."""

from voicebot.metrics.page import PAGE, page

PAGE.write_text(page(), encoding="utf-8")
