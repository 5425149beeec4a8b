"""Tables of the documentation, read so that a test can hold them against the code."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def table(file: str, heading: str) -> dict[str, dict[str, str]]:
    """The first table under a heading: row name → column name → cell, without backticks."""
    text = (DOCS / file).read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1]
    lines = [line for line in text.split("\n## ", 1)[0].splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}
