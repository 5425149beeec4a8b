"""The list of prompts: a table on a terminal; elsewhere one line of tab-separated fields a prompt, with nothing left out."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from dialogs.authoring.prompt_list import PromptEntry
from voicebot.tables import show_fields

_HEAD = ("prompt", "lang", "kind", "status", "recording", "approved by", "text")
_NARROW = ("prompt", "lang", "status", "text")
_WIDE = 140
"""Columns of a terminal that has room for everything."""


def show_prompts(console: Console, entries: Sequence[PromptEntry]) -> None:
    """Print the entries. Ids are never cut. A narrow terminal shows the beginning of each text and leaves the rest out; what is
    no terminal gets lines of tab-separated fields, the names of the fields first.
    """
    if not console.is_terminal:
        show_fields(console, _HEAD, [_row(entry) for entry in entries])
        return
    wide = console.width >= _WIDE
    table = Table(box=None, pad_edge=False, expand=True)
    for name in _HEAD:
        if name == "prompt":
            table.add_column(name, no_wrap=True, min_width=max((len(entry.id) for entry in entries), default=0))
        elif name == "text":
            table.add_column(name, no_wrap=not wide, overflow="ellipsis", ratio=1)
        elif wide or name in _NARROW:
            table.add_column(name, no_wrap=True)
    for entry in entries:
        table.add_row(*(field for name, field in zip(_HEAD, _row(entry), strict=True) if wide or name in _NARROW))
    console.print(table, crop=False, markup=False, highlight=False)
    if not wide:
        console.print(f"kind, recording, approver and whole texts: in {_WIDE} columns, or through a pipe", style="dim")


def _row(entry: PromptEntry) -> tuple[str, ...]:
    recorded = "yes" if entry.recording else "-"
    return (entry.id, entry.language, entry.kind, entry.status.value, recorded, entry.approver, " ".join(entry.text.split()))


def prompts_as_json(entries: Sequence[PromptEntry]) -> str:
    """For scripts: what the table shows, under the same names."""
    return json.dumps([dict(zip(_HEAD, _row(entry), strict=True)) for entry in entries], ensure_ascii=False, indent=2)
