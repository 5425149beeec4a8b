"""The service that runs on this machine, asked on its local socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from prometheus_client.parser import text_string_to_metric_families

_ASK_S = 5.0


@dataclass(frozen=True, slots=True)
class RunningService:
    """Where its local socket is."""

    url: str

    async def asked(self, path: str) -> dict[str, Any] | None:
        """JSON; None when nobody answers, or not with it."""
        try:
            async with httpx.AsyncClient(base_url=self.url, timeout=_ASK_S, trust_env=False) as client:
                told = (await client.get(path)).json()
        except (httpx.HTTPError, ValueError):
            return None
        return told if isinstance(told, dict) else None

    async def of_trunk(self, metric: str, trunk: str) -> float | None:
        """The metric of that trunk, the least of all processes; None where it tells none."""
        try:
            async with httpx.AsyncClient(base_url=self.url, timeout=_ASK_S, trust_env=False) as client:
                families = list(text_string_to_metric_families((await client.get("/metrics")).text))
        except (httpx.HTTPError, ValueError):
            return None
        found = [
            each.value
            for family in families
            for each in family.samples
            if (each.name, each.labels.get("trunk")) == (metric, trunk)
        ]
        return min(found, default=None)

    async def trace_of(self, name: str) -> dict[str, Any] | None:
        """The call of that name in its trace; None when there is none."""
        told = await self.asked(f"/sip/traces/{quote(name, safe='')}")
        return told["calls"][0] if told is not None and told.get("calls") else None
