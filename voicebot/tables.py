"""Tables: aligned columns on a terminal; elsewhere lines of tab-separated fields with nothing cut. No boxes anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console

_GAP = 2


def show_table(console: Console, head: Sequence[str], rows: Sequence[Sequence[str]], *, tabs: bool = True) -> None:
    """Print rows under their head. On a terminal that is too narrow for them each row is a block of `name  value` lines.

    Without `tabs` columns are aligned in a pipe too: for a summary among other lines, which a person reads.
    """
    if tabs and not console.is_terminal:
        show_fields(console, head, rows)
        return
    rows = [[_one_line(field) for field in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(head, *rows, strict=True)]
    if not console.is_terminal or sum(widths) + _GAP * (len(widths) - 1) <= console.width:
        for row in (head, *rows):
            _line(console, "".join(_padded(field, width + _GAP) for field, width in zip(row, widths, strict=True)))
        return
    margin = max(map(cell_len, head)) + _GAP
    for number, row in enumerate(rows):
        if number:
            _line(console, "")
        for name, field in zip(head, row, strict=True):
            _line(console, _padded(name, margin) + field)


def show_fields(console: Console, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """One line a row, whatever its fields hold; the names of the fields first."""
    for row in (head, *rows):
        print("\t".join(map(_one_line, row)), file=console.file)


def _one_line(field: str) -> str:
    return " ".join(field.split())


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _line(console: Console, text: str) -> None:
    """A line that the terminal, not we, breaks where it is too long: what is copied from it stays whole."""
    console.print(text.rstrip(), markup=False, highlight=False, soft_wrap=True)
