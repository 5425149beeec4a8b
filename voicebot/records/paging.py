"""Where a page of a list goes on: behind a row, named by the moment and the id that the list is ordered by."""

from __future__ import annotations

from datetime import datetime


def place_behind(moment: datetime, row_id: str) -> str:
    """For an address: the next page begins behind this row."""
    return f"{moment.isoformat()}|{row_id}"


def place_in(after: str) -> tuple[datetime, str] | None:
    """The row of such a place; None for what is none."""
    moment, _, row_id = after.partition("|")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (at, row_id) if at.tzinfo is not None else None
