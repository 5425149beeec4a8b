"""A scenario in a network of its own: the service, coturn with the configuration that we give away, and apps that may only relay.

`unshare --net --pid --fork --kill-child python -m tests.voicebot.endpoints.web_call.behind_turn FOLDER`, as root, prints one JSON
object. Nothing outlives it: the kernel ends whatever was started in its PID namespace.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SERVICE, RELAY, STRANGER = "10.9.9.1", "10.9.9.2", "10.9.9.66"
SECRET = "a-secret-that-coturn-shares"
CONFIGURATION = Path(__file__).parents[4] / "deploy" / "turnserver.conf"
PORT = 3478


def make_network() -> None:
    """One link with all addresses, and a way out of it, so that this machine has an address of its own."""
    for command in (
        "ip link set lo up",
        "ip link add v0 type veth peer name v1",
        "ip link set v1 up",
        "ip link set v0 up",
        *(f"ip addr add {address}/24 dev v0" for address in (SERVICE, RELAY, STRANGER)),
        f"ip route add default dev v0 src {SERVICE}",
    ):
        subprocess.run(command.split(), check=True, capture_output=True)


def configuration(folder: Path) -> Path:
    """The file of `deploy`, with this network's addresses and secret, and without TLS: there is no certificate."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    for name, value in {"static-auth-secret": SECRET, "allowed-peer-ip": SERVICE}.items():
        text, found = re.subn(rf"(?m)^{name}=.*$", f"{name}={value}", text)
        assert found == 1, name
    text = re.sub(r"(?m)^(tls-listening-port|cert|pkey)=.*$", "", text)
    path = folder / "turnserver.conf"
    own = f"no-tls\nno-dtls\nlistening-ip={RELAY}\nrelay-ip={RELAY}\nuserdb={folder}/turndb\npidfile={folder}/turn.pid\n"
    path.write_text(text + own, encoding="utf-8")
    return path


@asynccontextmanager
async def coturn(folder: Path) -> AsyncIterator[None]:
    server = await asyncio.create_subprocess_exec(
        "turnserver", "-c", str(configuration(folder)), stdout=(folder / "coturn.log").open("wb"), stderr=subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(RELAY, PORT)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        yield
    finally:
        server.kill()
        await server.wait()


async def relayed_to(peers: tuple[str, ...], username: str, credential: str) -> list[str]:
    """What coturn says of relaying to these addresses, on one allocation: "relays", or its error."""
    from aioice import turn
    from aioice.stun import TransactionFailed

    try:
        transport, _ = await turn.create_turn_endpoint(
            asyncio.DatagramProtocol, (RELAY, PORT), username=username, password=credential
        )
    except TransactionFailed as error:
        return [f"no allocation: {error.response.attributes['ERROR-CODE'][0]}"]
    inner = transport._TurnTransport__inner_protocol  # type: ignore[attr-defined]
    told = []
    for number, peer in enumerate(peers):
        try:
            await inner.channel_bind(0x4000 + number, (peer, 5060))
            told.append("relays")
        except TransactionFailed as error:
            told.append(f"no relaying: {error.response.attributes['ERROR-CODE'][0]}")
    transport.close()
    return told


async def main(folder: Path) -> dict[str, Any]:
    make_network()
    import httpx
    from aiortc import RTCConfiguration, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnection

    from tests.voicebot.endpoints.web_call.bank import bank_with_calls, until
    from tests.voicebot.endpoints.web_call.test_calls import hears, of, url
    from tests.voicebot.identity.bank import assertion, publish
    from voicebot.endpoints.web_call.ice import password
    from voicebot.identity.keys import new_key
    from voicebot.softphone import web_phone

    told: dict[str, Any] = {}
    servers = [{"urls": [f"turn:{RELAY}:{PORT}?transport=udp"], "secret": SECRET}]
    key = new_key()
    publish(folder / "app.json", key)
    clients = [{"id": "app", "jwks_file": str(folder / "app.json"), "may": ["tickets"]}]
    options = {"web_calls": {"ice_servers": servers}, "identity": {"clients": clients}}
    async with coturn(folder), bank_with_calls(folder / "data", **options) as service, httpx.AsyncClient() as bank:
        now = datetime.now(UTC)
        order = {"customer": "c-4711", "level": "app-pin", "auth_time": now.isoformat(), "language": "en"}
        headers = {"Authorization": f"Bearer {assertion(key, now)}"}
        answer = (await bank.post(f"{url(service)}/api/click2call/tickets", json=order, headers=headers)).json()
        (server,) = answer["ice_servers"]
        name, secret = server["username"], server["credential"]
        old = f"{int(time.time()) - 60}:a-call"
        told["service"] = await relayed_to((SERVICE,), name, secret)
        told["elsewhere"] = await relayed_to((STRANGER, RELAY, "127.0.0.1", "198.51.100.7"), name, secret)
        told["wrong"] = await relayed_to((SERVICE,), name, "x" * 28)
        told["expired"] = await relayed_to((SERVICE,), old, password(old, SECRET))
        async with web_phone.WebPhone(url(service)) as phone:
            relay_only = RTCConfiguration([RTCIceServer(**server)], iceTransportPolicy=RTCIceTransportPolicy.RELAY)
            phone._peer = RTCPeerConnection(relay_only)
            phone._sender = phone._peer.addTrack(phone.sound)
            phone._peer.on("track", lambda track: phone._tasks.append(asyncio.create_task(phone._hear(track))))
            offer = await phone.offer()
            told["candidates"] = sorted(set(re.findall(r"a=candidate:\S+ 1 \S+ \d+ (\S+) \d+ typ (\w+)", offer)))
            await phone.dial(answer["ticket"])
            await hears(phone)
            await phone.press("1")
            await until(lambda: [line["key"] for line in of(service, "KeyPressed")] == ["1"])
            told["talked"] = True
    return told


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1])))))
