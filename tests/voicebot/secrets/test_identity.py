"""Calls that are proven by tickets, refused ones and forged ones; afterwards all that was written is searched for proofs."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.voicebot.endpoints.web_call.bank import bank_with_calls, needs_address, until
from tests.voicebot.endpoints.web_call.test_calls import hears, of, url
from tests.voicebot.identity.bank import assertion, publish
from tests.voicebot.running import TOKEN, RunningService
from tests.voicebot.secrets.search import files_under
from tests.voicebot.secrets.test_conversations import log
from voicebot.identity.keys import SigningKeys, new_key
from voicebot.softphone import CallScript, HangUp, UntilSpeaking, run_script_process

pytest.importorskip("aiortc")
from voicebot.softphone.web_phone import WebPhone

__all__ = ["log"]

pytestmark = needs_address
TURN_SECRET = "a-secret-that-coturn-shares"
TICKETS, CALLS = "/api/click2call/tickets", "/api/click2call/calls"


async def proven_calls(service: RunningService, folder: Path) -> dict[str, str]:
    """One of each kind, and every mistake that an app or a bank can make with them; all that nobody else may know."""
    key = new_key()
    publish(folder / "app.json", key)
    secrets: dict[str, str] = {"API token": TOKEN, "TURN secret": TURN_SECRET}
    async with httpx.AsyncClient(base_url=url(service)) as client, WebPhone(url(service)) as phone:

        async def order(name: str, **more: object) -> dict[str, str]:
            now = datetime.now(UTC)
            signed = secrets[f"{name}: assertion"] = assertion(key, now)
            told = {"customer": "c-4711", "level": "app-pin", "auth_time": now.isoformat(), "language": "en", **more}
            answer = (await client.post(TICKETS, json=told, headers={"Authorization": f"Bearer {signed}"})).json()
            secrets[f"{name}: ticket"] = answer["ticket"]
            secrets[f"{name}: TURN password"] = answer["ice_servers"][0]["credential"]
            if answer["code"]:
                secrets[f"{name}: code"] = answer["code"]
            return dict(answer)

        by_app = await order("app")
        await phone.dial(by_app["ticket"])
        secrets["app: token of the call"] = phone.token
        await hears(phone)
        await order("code", phone_code=True)
        by_sip = await order("SIP")
        host, port = service.service.sip.address
        script = CallScript(
            f"sip:+48225550100@{host}:{port}", (UntilSpeaking(0.2, 20), HangUp()), headers={"X-Ticket": by_sip["ticket"]}
        )
        await run_script_process([script], host=host)
        await until(lambda: len(of(service, "CallStarted")) == 2)
        unused = await order("mistakes")
        for secret in (*list(secrets.values()), by_app["ticket"] + "\r\nX-Injected: 1", '{"event": "a line of its own"}\n'):
            await client.get(CALLS, params={"ticket": secret})
            await client.post(CALLS, params={"ticket": secret}, json={"ticket": secret, "sdp": secret})
            await client.post(CALLS, json={"tickets": secret, "sdp": f"v=0\r\na=candidate:{secret}\r\n"})
            await client.post(TICKETS, json={"customer": secret, secret: secret}, headers={"Authorization": f"Basic {TOKEN}"})
            await client.delete(f"{CALLS}/{base64.urlsafe_b64encode(secret.encode()).decode()[:60]}")
            await client.post(f"{CALLS}/{'0' * 32}/end", content=secret)
            await client.post(
                "/api/ciba/ping", json={"auth_req_id": secret[:900]}, headers={"Authorization": "Bearer " + "x" * 40}
            )
            async with connect(f"{url(service).replace('http', 'ws')}{CALLS}/{phone.call}/ws", proxy=None) as socket:
                await socket.send(json.dumps({"type": "open", "token": secret[:300], "why": secret[:300]}))
                with contextlib.suppress(ConnectionClosed, TimeoutError):
                    while True:
                        await asyncio.wait_for(socket.recv(), 3)
                assert (socket.close_code == 4404) == (secret != phone.token)
        refused = await client.post(CALLS, json={"ticket": unused["ticket"][:-4] + "AAAA", "sdp": await phone.offer()})
        assert refused.json()["code"] == "ticket.altered"
    return secrets


@pytest.mark.parametrize("log", ["json"], indirect=True)
async def test_no_proof_of_anybody_is_written_by_a_whole_service(tmp_path: Path, log: io.StringIO) -> None:
    """At level debug, with the SIP trace; in logs, journals, records, the audit trail, metrics and answers."""
    servers = [{"urls": ["turn:192.0.2.9:3478"], "secret": TURN_SECRET}]
    clients = [{"id": "app", "jwks_file": str(tmp_path / "app.json"), "may": ["tickets"]}]
    data = tmp_path / "data"
    options = {"web_calls": {"ice_servers": servers, "per_address_minute": 1000}, "identity": {"clients": clients}}
    sip = {"peers": ["0.0.0.0/0"], "trusted": []}
    async with bank_with_calls(data, sip=sip, **options) as service:
        secrets = await proven_calls(service, tmp_path)
        async with service.api() as api:
            figures = (await api.get("/metrics")).text
            records = (await api.get("/api/calls?limit=100")).text
    keys = SigningKeys(data / "identity-keys.json").all
    secrets |= {f"signing key {each.kid}": str(each.as_dict(private=True)["d"]) for each in keys}
    places = {"log": log.getvalue().encode(), "metrics": figures.encode(), "records": records.encode()}
    # the state server keeps the tickets of codes until they expire; its folder and the keys are the service's own
    places |= {
        name: content
        for name, content in files_under(data).items()
        if not name.startswith(("state/", "identity-keys", "web-token"))
    }
    assert any(b"ticket.spent" in content for name, content in places.items() if "calls.db" in name)
    assert b"X-Ticket" in places["log"], "the trace is in the log"
    leaks = [(where, what) for where, content in places.items() for what, secret in secrets.items() if secret.encode() in content]
    assert leaks == []
    parts = {
        part for what, secret in secrets.items() if "ticket" in what or "assertion" in what for part in secret.split(".")[1:]
    }
    assert not [where for where, content in places.items() if any(part.encode() in content for part in parts)]
    lines = places["log"].decode().splitlines()
    assert lines
    assert all("event" in json.loads(line) and json.loads(line)["event"] != "a line of its own" for line in lines)
