"""What is told to a client that asked for something that cannot be: `{"detail": "…"}`, what is wrong and what to send instead."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from voicebot.error_text import unknown_name

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
    told = unknown_name(what, name, names)
    if told is not None:
        raise HTTPException(status, told)


def visible(text: str, *, longest: int = _LONGEST) -> str:
    """As it may be shown: no control characters, no halves of surrogate pairs, not too long."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[:longest]}…"
