"""Several processes of calls are asked as one."""

from __future__ import annotations

import httpx
from starlette.applications import Starlette

from tests.voicebot.endpoints.sip.tracing.test_ring import told
from voicebot.endpoints.sip.tracing.gathered import gathered_routes
from voicebot.endpoints.sip.tracing.ring import Traces
from voicebot.endpoints.sip.tracing.routes import trace_routes
from voicebot.endpoints.sip.tracing.settings import TraceSettings


async def test_a_call_is_found_in_whichever_process_had_it() -> None:
    rings = [Traces(TraceSettings()), Traces(TraceSettings())]
    told(rings[0], "one/with#odd?letters", at=1.0)
    told(rings[1], "two", at=2.0)
    apps = {f"http://worker-{number}": Starlette(routes=trace_routes(ring)) for number, ring in enumerate(rings)}
    mounts = {url: httpx.ASGITransport(app, client=("127.0.0.1", 1)) for url, app in apps.items()}
    async with httpx.AsyncClient(mounts=mounts) as asking:
        gathered = Starlette(routes=gathered_routes(asking, lambda: [*apps, "http://gone.invalid:1"]))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(gathered, client=("127.0.0.1", 1)), base_url="http://p"
        ) as client:
            listed = (await client.get("/sip/traces")).json()["calls"]
            assert [call["call_id"] for call in listed] == ["two", "one/with#odd?letters"]
            for name in ("one%2Fwith%23odd%3Fletters", "two"):
                assert (await client.get(f"/sip/traces/{name}")).status_code == 200
            assert (await client.get("/sip/traces/three")).status_code == 404
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(gathered, client=("192.0.2.1", 1)), base_url="http://p"
        ) as client:
            assert (await client.get("/sip/traces")).status_code == 403


def _client(app: Starlette, address: str) -> httpx.AsyncClient:
    """Somebody who asks from this address."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url="http://parent")
