"""What carriers are asked for over HTTP."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from voicebot.endpoints.carriers.settings import Transfers
from voicebot.endpoints.carriers.stream import Refused
from voicebot.endpoints.leg import TransferTarget


async def post(
    url: str, request_s: float, *, auth: tuple[str, str] | None = None, bearer: str = "", form: Mapping[str, str] | None = None,
    body: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """One request. Raises Refused."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    try:
        async with httpx.AsyncClient(timeout=request_s, auth=auth, headers=headers, trust_env=False) as client:
            response = await client.post(url, data=form, json=body)
    except httpx.HTTPError as error:
        raise Refused(f"the carrier did not answer: {type(error).__name__}") from error
    if response.status_code >= 300:
        raise Refused(f"the carrier refused with {response.status_code}")


def address_of(target: TransferTarget, settings: Transfers) -> str:
    """Where a queue is: its own address, else the default queue's."""
    return settings.addresses.get(target.address) or settings.addresses.get(target.queue) or settings.default
