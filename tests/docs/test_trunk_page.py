"""docs/trunk.md has every setting of `sip`, of a trunk, of registration and digest, with its default; its examples load."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.docs.tables import DOCS, table
from voicebot.config.check import check_config
from voicebot.endpoints.sip.provider.settings import DigestSettings, RegisterSettings
from voicebot.endpoints.sip.settings import SipSection
from voicebot.endpoints.sip.trunks import Trunk

PAGE = "trunk.md"
SECTIONS: dict[str, type[BaseModel]] = {
    "Settings of `sip`": SipSection,
    "Settings of a trunk": Trunk,
    "Settings of `registration`": RegisterSettings,
    "Settings of `digest`": DigestSettings,
}
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.S | re.M)


@pytest.mark.parametrize(("heading", "model"), SECTIONS.items())
def test_every_setting_stands_on_the_page_and_nothing_else(heading: str, model: type[BaseModel]) -> None:
    assert set(table(PAGE, heading)) == set(model.model_fields)


@pytest.mark.parametrize(("heading", "model"), SECTIONS.items())
def test_a_default_that_is_a_number_or_a_word_is_the_right_one(heading: str, model: type[BaseModel]) -> None:
    for name, row in table(PAGE, heading).items():
        default: Any = model.model_fields[name].default
        if isinstance(default, bool | int | float | str) and default not in ("", None):
            told = f"{default:g}" if isinstance(default, float) else str(default)
            told = told.lower() if isinstance(default, bool) else told
            assert re.match(rf"`?{re.escape(told)}\b", row["default"]), name
        elif isinstance(default, tuple) and default:
            assert row["default"] == f"[{', '.join(map(str, default))}]", name


def test_there_are_three_examples() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("example", EXAMPLES, ids=["pbx", "carrier", "sbc"])
def test_an_example_loads(example: str, tmp_path: Path) -> None:
    """With the files that it names; only the machine's room and voices may be complained of."""
    for name in re.findall(r"/etc/voicebot/[\w.-]+", example):
        (tmp_path / Path(name).name).write_text("secret\n")
    path = tmp_path / "voicebot.yml"
    path.write_text(example.replace("/etc/voicebot", str(tmp_path)))
    assert [str(problem) for problem in check_config(path) if problem.where.startswith(("sip", "handoff"))] == []
