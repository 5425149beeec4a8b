"""Asking another process of ours on its local socket how it is, and for its metrics."""

from __future__ import annotations

from typing import Any

import httpx


async def told_health(client: httpx.AsyncClient, url: str = "") -> dict[str, Any]:
    """What it says of itself (`report`); empty when it does not answer. `url` is before the path, for clients without a base."""
    try:
        return dict((await client.get(f"{url}/health/ready")).json())
    except (httpx.HTTPError, ValueError):
        return {}


async def told_running(client: httpx.AsyncClient, url: str = "") -> dict[str, Any]:
    """What it runs with (`/health/running`); empty when it does not answer."""
    try:
        return dict((await client.get(f"{url}/health/running")).json())
    except (httpx.HTTPError, ValueError):
        return {}


def lacking(told: dict[str, Any]) -> str:
    """The parts that do not work, and why."""
    return ", ".join(f"{name}: {part['why']}" for name, part in told.get("parts", {}).items() if not part["ok"])


async def told_metrics(client: httpx.AsyncClient, url: str = "") -> str:
    """Nothing while it does not answer: the health says so."""
    try:
        answer = await client.get(f"{url}/metrics")
    except httpx.HTTPError:
        return ""
    return answer.text if answer.status_code == httpx.codes.OK else ""
