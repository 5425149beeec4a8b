"""A page of ours as PDF, printed by a Chromium of the machine: what a person would do by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from voicebot.errors import ConfigError

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_LONGEST_S = 120


def pdf_of(html: str) -> bytes:
    """The page as PDF. Raises ConfigError when there is no Chromium, or it prints nothing."""
    browser = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if browser is None:
        raise ConfigError("no Chromium on this machine, which prints the PDF. Run: apt-get install chromium; or write HTML")
    with tempfile.TemporaryDirectory(prefix="voicebot-pdf-") as name:
        page, made = Path(name) / "page.html", Path(name) / "page.pdf"
        page.write_text(html, encoding="utf-8")
        quiet = [
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            f"--user-data-dir={name}/profile",
        ]
        if os.geteuid() == 0:
            quiet.append("--no-sandbox")  # Chromium has none for root; the page is ours and loads nothing
        command = [browser, *quiet, "--no-pdf-header-footer", f"--print-to-pdf={made}", page.as_uri()]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_LONGEST_S)
            return made.read_bytes()
        except (subprocess.SubprocessError, OSError) as error:
            raise ConfigError(f"the PDF could not be made ({type(error).__name__}); write HTML and print it") from error
