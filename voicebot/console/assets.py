"""Style sheet, scripts and pictures: each under a name with the hash of its content, so that a browser keeps it for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
PREFIX = "/assets"


@cache
def _assets() -> Mapping[str, tuple[str, bytes]]:
    """By file name: the name with its hash, and the content."""
    found = {}
    for file in (files("voicebot.console") / "assets").iterdir():
        stem, _, kind = file.name.rpartition(".")
        if kind in _TYPES:
            content = file.read_bytes()
            found[file.name] = (f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{kind}", content)
    return found


def asset_path(name: str) -> str:
    """Where a page finds it. Raises KeyError."""
    return f"{PREFIX}/{_assets()[name][0]}"


@cache
def _by_hashed_name() -> Mapping[str, bytes]:
    return dict(_assets().values())


async def asset(request: Request) -> Response:
    """One of them."""
    name = request.path_params["name"]
    content = _by_hashed_name().get(name)
    if content is None:
        return Response("not found", 404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)
