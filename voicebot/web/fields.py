"""Types of what comes in over the API: parsed at the edge, so that nothing behind it meets a value that it cannot hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

_FIRST_YEAR, _LAST_YEAR = 1970, 9000


def _in_utc(moment: datetime) -> datetime:
    # the first and last years of the calendar leave it when they are brought to another time zone
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"the year must be {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment.astimezone(UTC)


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("write one line of text, without control characters")
    return text


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time with its zone (RFC 3339), in UTC."""
Person = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), AfterValidator(_one_line)]
"""Who does something: one line."""
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_one_line)]
"""Why, in one line; may be empty."""
Ref = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
"""Our opaque reference of a hand-off."""
QueueName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
"""A queue of the bundle, or of an earlier one."""
MaybeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,64}$")]
"""A name of the bundle; "" for none."""
