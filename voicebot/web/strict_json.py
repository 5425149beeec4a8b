"""Bodies that mean one thing only: JSON as RFC 8259 wants it to be exchanged, and no more than a person would write."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from voicebot.errors import VoicebotError
from voicebot.web.problems import visible

_MOST_DEEP = 20
_MOST_DIGITS = 30


class BadJson(VoicebotError):
    """What is wrong, in words for whoever wrote it."""

    code = "web.json"


def parse(body: bytes) -> Any:
    """The value. Raises BadJson for what is no JSON, and for what parsers understand differently: a name that comes twice, NaN
    and Infinity, halves of surrogate pairs, numbers beyond 30 characters, nesting beyond 20.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadJson(f"octet {error.start + 1} is not UTF-8") from None
    if _depth(text) > _MOST_DEEP:
        raise BadJson(f"it is nested more than {_MOST_DEEP} deep")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_int, parse_float=_float)
    except json.JSONDecodeError as error:
        raise BadJson(f"{error.msg} in line {error.lineno}, column {error.colno}") from None
    _check_text(value)
    return value


class StrictJsonRoute(APIRoute):
    """A route whose JSON body is read by `parse`; what is wrong with it is answered with 422."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict


class _StrictRequest(Request):
    async def json(self) -> Any:
        try:
            return parse(await self.body())
        except BadJson as error:
            raise HTTPException(422, f"the body is not the JSON that is wanted: {error}") from error


def _depth(text: str) -> int:
    """How deep brackets are nested, at least: those within strings are left out. The parser must not find out by itself: it is
    recursive.
    """
    deepest = depth = 0
    within, escaped = False, False
    for char in text:
        if within:
            within, escaped = char != '"' or escaped, char == "\\" and not escaped
        elif char == '"':
            within = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadJson(f"{visible(twice)!r} is there more than once")
    return found


def _constant(name: str) -> NoReturn:
    raise BadJson(f"{name} is no number of JSON")


def _int(digits: str) -> int:
    return int(_short(digits))


def _float(digits: str) -> float:
    value = float(_short(digits))
    if value in (float("inf"), float("-inf")):
        raise BadJson(f"the number {digits} is too large")
    return value


def _short(digits: str) -> str:
    if len(digits) > _MOST_DIGITS:
        raise BadJson(f"a number is longer than {_MOST_DIGITS} characters")
    return digits


def _check_text(value: Any) -> None:
    match value:
        case str():
            if any("\ud800" <= char <= "\udfff" for char in value):
                raise BadJson("a text holds half of a surrogate pair (\\ud800 to \\udfff)")
        case dict():
            for name, each in value.items():
                _check_text(name)
                _check_text(each)
        case list():
            for each in value:
                _check_text(each)
