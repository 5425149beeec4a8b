"""The packet filter and the page about deploying, held against what is there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from voicebot.config.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
FILTER = ROOT / "deploy/nftables.conf"


@pytest.mark.skipif(shutil.which("nft") is None, reason="nftables is not installed here")
def test_the_kernels_own_tool_takes_the_packet_filter() -> None:
    """Checked, not loaded."""
    done = subprocess.run(["nft", "-c", "-f", str(FILTER)], capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("nft needs more rights than we have here")
    assert done.returncode == 0, done.stderr


def test_the_packet_filter_lets_nobody_but_trunks_to_sip_and_rtp() -> None:
    text = FILTER.read_text(encoding="utf-8")
    assert "policy drop" in text
    for line in text.splitlines():
        if re.search(r"dport \$(sip|rtp|bots_sip)\b.*accept", line):
            assert "saddr $" in line
    low, high = Settings().sip.rtp_ports
    assert f"define rtp = {{ {low}-{high}," in text


def test_files_that_the_page_names_exist() -> None:
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
    for name in re.findall(r"\b(?:deploy|tests|examples)/[\w./-]+\w", PAGE):
        assert (ROOT / name).exists() or name == "deploy/asterisk", name
    headings = {
        re.sub(r"[^a-z -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in PAGE.splitlines() if line[:1] == "#"
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings


def test_what_the_page_says_of_the_edge_is_in_its_settings() -> None:
    settings = (ROOT / "deploy/kamailio/settings.cfg").read_text(encoding="utf-8")
    for name in re.findall(r"`(?:#!trydef )?([A-Z]+_[A-Z_]+)`", PAGE):
        assert f"trydef {name}" in settings or f"{name}=" in (ROOT / "deploy/compose.env").read_text(encoding="utf-8"), name


def test_settings_of_a_bot_are_those_of_the_unit() -> None:
    """VOICEBOT_… names that exist, in the page and in the template."""
    unit = (ROOT / "deploy/systemd/voicebot@.service").read_text(encoding="utf-8")
    for name in re.findall(r"VOICEBOT_([A-Z]+)__([A-Z_]+)\b", PAGE + unit):
        section = getattr(Settings(), name[0].lower())
        assert name[1].lower() in type(section).model_fields, name
