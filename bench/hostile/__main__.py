"""`make bench-hostile`: real calls go on while one attack after another is made on the service; every figure beside that of none.

Nothing here passes or fails. Machines are noisy: compare with `none` of the same run, and take fewer calls where `none` has gaps.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.hostile.attacks import ATTACKS, run_attack
from bench.hostile.callers import CallPlan, run_callers
from bench.hostile.serving import Running, free_port, serving, until_quiet
from bench.hostile.telling import Outcome, summarise, tell
from bench.hostile.watching import GoodClient, Watch

FOLDER = Path("var/bench/hostile")
LINE = "+48225550100"
_PROCESSES = multiprocessing.get_context("spawn")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the attacks, print a block for each and a summary."""
    parser = argparse.ArgumentParser(prog="python -m bench.hostile", description=__doc__)
    parser.add_argument("--calls", type=int, default=20, help="calls that go on during each attack (default: 20)")
    parser.add_argument("--seconds", type=float, default=15, help="length of each attack (default: 15)")
    parser.add_argument("--attacks", nargs="+", choices=tuple(ATTACKS), default=tuple(ATTACKS), help="these (default: all)")
    parser.add_argument("--tls", action="store_true", help="the web speaks TLS, with a certificate made for the run")
    asked = parser.parse_args(arguments)
    if not 1 <= asked.calls <= 150 or not 3 <= asked.seconds <= 600:
        parser.error("--calls is 1 to 150, --seconds 3 to 600")
    names = ["none", *(name for name in asked.attacks if name != "none")]
    if "handshakes" in names and not asked.tls:
        names.remove("handshakes")
        print("handshakes: left out, there is no TLS; add --tls", flush=True)
    _clear()
    try:
        asyncio.run(_measure(names, calls=asked.calls, seconds=asked.seconds, tls=asked.tls))
    except KeyboardInterrupt:
        print("stopped; the service and all clients are ended", file=sys.stderr)
        return 130
    return 0


async def _measure(names: Sequence[str], *, calls: int, seconds: float, tls: bool) -> None:
    print(
        f"{calls} calls in each attack, and a new one every half second; {seconds:g} s each; starting the service …", flush=True
    )
    async with _serving(calls, tls=tls) as running:
        print("waiting until it has made its prompts ready …", flush=True)
        await until_quiet(running)
        await _attacked("none", running, calls=min(calls, 5), seconds=8, first_number=9_000_000)
        outcomes: list[Outcome] = []
        for number, name in enumerate(names):
            outcome = await _attacked(name, running, calls=calls, seconds=seconds, first_number=10_000 * number)
            outcomes.append(outcome)
            tell(outcome, outcomes[0])
    summarise(outcomes)


async def _attacked(name: str, running: Running, *, calls: int, seconds: float, first_number: int) -> Outcome:
    plan = CallPlan("127.0.0.1", running.sip, LINE, calls, seconds, first_number=first_number)
    ours, theirs = _PROCESSES.Pipe()
    callers = _PROCESSES.Process(target=run_callers, args=(plan, theirs), daemon=True)
    callers.start()
    theirs.close()
    try:
        _, up = await asyncio.to_thread(ours.recv)
        own, attackers = _PROCESSES.Pipe()
        attacking = _PROCESSES.Process(target=run_attack, args=(name, running.target, seconds, attackers), daemon=True)
        before = running.log_lines()
        service, web = Watch(lambda: running.process.pid), Watch(running.web_pid)
        good = GoodClient(running.target)
        attacking.start()
        attackers.close()
        try:
            await asyncio.gather(service.watch(seconds), web.watch(seconds), good.ask_for(seconds))
            tally = await asyncio.to_thread(own.recv)
        finally:
            attacking.kill()
            attacking.join()
        lines = running.log_lines() - before
        _, report = await asyncio.to_thread(ours.recv)
    finally:
        callers.kill()
        callers.join()
    return Outcome(name, report, up, tally, good, service, web, lines)


# ---------------------------------------------------------------------- the service


def _clear() -> None:
    """Callers of an earlier run are not callers of today. Prompts are kept: to make them takes minutes."""
    data = FOLDER / "data"
    data.mkdir(parents=True, exist_ok=True)
    for each in data.iterdir():
        if each.name != "prompts":
            shutil.rmtree(each) if each.is_dir() else each.unlink()


@asynccontextmanager
async def _serving(calls: int, *, tls: bool) -> AsyncIterator[Running]:
    sip, web, health = free_port(socket.SOCK_DGRAM), free_port(), free_port()
    token = secrets.token_urlsafe(24)
    certificate = _certificate() if tls else None
    settings = _settings(sip=sip, web=web, health=health, token=token, calls=calls, tls=certificate)
    async with serving(FOLDER, settings, certificate) as running:
        yield running


def _settings(*, sip: int, web: int, health: int, token: str, calls: int, tls: Path | None) -> dict[str, Any]:
    """No recogniser: decoding would cost more than all else, and nobody speaks."""
    peers = {"peers": ["127.0.0.1/32"], "net_interface": "127.0.0.1"}
    return {
        "sip": {"host": "127.0.0.1", "port": sip, "transports": ["udp"], "rtp_ports": [23000, 25999], **peers},
        "limits": {"max_calls": calls + 40, "drain_s": 1},
        "recognisers": {"pl": {"engine": "none"}, "en": {"engine": "none"}},
        "state": {"data_dir": str(FOLDER / "data")},
        "health": {"port": health},
        "web": {
            "port": web,
            "token": token,
            **({"tls": {"certificate": str(tls), "key": str(FOLDER / "key.pem")}} if tls else {}),
        },
        "handoff": {"address": "sip:{queue}@127.0.0.1:5999"},
        "log": {"format": "json"},
    }


def _certificate() -> Path:
    made = FOLDER / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    files = ["-keyout", str(FOLDER / "key.pem"), "-out", str(made), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return made


if __name__ == "__main__":
    sys.exit(main())
