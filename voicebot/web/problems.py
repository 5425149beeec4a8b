"""What is told to a client that asked for something that cannot be: `{"detail": "…"}`, what is wrong and what to send instead."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel

_MOST_TOLD = 10
_LONGEST = 80


class Problem(BaseModel):
    """The body of every answer of 4xx."""

    detail: str
    """For a person."""
    code: str | None = None
    """For a program: <stage>.<what>; where there is more than one reason."""


async def refuse_invalid(_request: Request, error: Exception) -> JSONResponse:
    """422 with every mistake and its place. What was sent is not sent back: it may be personal, or not even be text."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    told = [f"{'.'.join(visible(str(part)) for part in each['loc'])}: {each['msg']}" for each in found[:_MOST_TOLD]]
    more = [f"and {len(found) - _MOST_TOLD} more"] if len(found) > _MOST_TOLD else []
    return JSONResponse({"detail": visible("; ".join([*told, *more]), longest=2000)}, 422)


def known(what: str, name: str, names: Sequence[str], *, status: int = 422) -> None:
    """Raises HTTPException for a name that the bundle does not have, with the nearest one that it has."""
    if name in names:
        return
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names[:30])}"
    raise HTTPException(status, f"the bundle has no {what} {name!r}; {hint}")


def visible(text: str, *, longest: int = _LONGEST) -> str:
    """As it may be shown: no control characters, no halves of surrogate pairs, not too long."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[:longest]}…"
