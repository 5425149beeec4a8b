"""The list of prompts."""

from __future__ import annotations

import io
from datetime import date

import pytest
from rich.console import Console

from dialogs.authoring.prompt_list import PromptEntry, Status, inventory
from dialogs.data.bundle import load_bundle
from voicebot.cli.talking.prompt_list import show_prompts

ENTRIES = inventory(load_bundle(), date(2026, 11, 24))


def shown(entries: list[PromptEntry], *, width: int, terminal: bool) -> list[str]:
    out = io.StringIO()
    show_prompts(Console(file=out, width=width, force_terminal=terminal, color_system=None), entries)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_ids_are_whole_on_a_terminal_of_any_width(width: int) -> None:
    """An id is what one searches for."""
    first_words = [line.split(" ")[0] for line in shown(ENTRIES, width=width, terminal=True)]
    assert {entry.id for entry in ENTRIES} <= set(first_words)


def test_a_narrow_terminal_has_a_line_a_prompt_and_a_wide_one_whole_texts() -> None:
    """For reading over, and for reading."""
    narrow = shown(ENTRIES, width=80, terminal=True)
    assert len(narrow) == len(ENTRIES) + 2  # the head, and how to see the rest
    assert all(len(line) <= 80 for line in narrow)
    long_text = max(ENTRIES, key=lambda entry: len(entry.text))
    wide = " ".join(" ".join(shown([long_text], width=160, terminal=True)).split())
    assert all(word in wide for word in long_text.text.split())


@pytest.mark.parametrize("width", [20, 80])
def test_elsewhere_each_prompt_is_one_line_of_fields_with_nothing_cut(width: int) -> None:
    """For grep, cut and spreadsheets; a text may hold anything."""
    odd = PromptEntry("x.y", "pl", "say", Status.OK, "Dwie\nlinie [bold]i\tznak", "", "Legal", None, None, "x.wav")
    head, *lines = shown([*ENTRIES, odd], width=width, terminal=False)
    assert head.split("\t") == ["prompt", "lang", "kind", "status", "recording", "approved by", "text"]
    assert [line.split("\t")[0] for line in lines[:-1]] == [entry.id for entry in ENTRIES]
    assert [line.split("\t")[6] for line in lines[:-1]] == [" ".join(entry.text.split()) for entry in ENTRIES]
    assert lines[-1].split("\t") == ["x.y", "pl", "say", "ok", "yes", "Legal", "Dwie linie [bold]i znak"]
