"""The shipped edge (Kamailio) and bots behind it, all on loopback, each a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voicebot.endpoints.sip.ports import free_port

ROOT = Path(__file__).parents[2]
KAMAILIO = ROOT / "deploy" / "kamailio"
HOST = "127.0.0.1"
WAIT_S = 60.0


async def until(what: Callable[[], bool], within_s: float = WAIT_S) -> None:
    """Wait for a condition. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not what():
            await asyncio.sleep(0.1)


def edge_files(folder: Path, settings: Mapping[str, str], *, trunks: Sequence[str], bots: Sequence[str]) -> Path:
    """The shipped files with these values of settings.cfg, lines of trunks.list and addresses of bots; kamailio.cfg's path."""
    shutil.copytree(KAMAILIO, folder)
    path = folder / "settings.cfg"
    text = path.read_text(encoding="utf-8")
    files = {
        name: f'"{folder / file}"'
        for name, file in (("TRUNKS_FILE", "trunks.list"), ("BOTS_FILE", "bots.list"), ("TLS_FILE", "tls.cfg"))
    }
    for name, value in {**files, **settings}.items():
        text, found = re.subn(rf"^#+!trydef {name}\b.*$", lambda _, new=f"#!trydef {name} {value}": new, text, flags=re.M)  # type: ignore[misc]
        assert found == 1, f"{name} is no setting of settings.cfg"
    path.write_text(text, encoding="utf-8")
    tls = (folder / "tls.cfg").read_text(encoding="utf-8")
    (folder / "tls.cfg").write_text(tls.replace("/etc/kamailio/", f"{folder}/"), encoding="utf-8")
    (folder / "trunks.list").write_text("".join(f"{line}\n" for line in trunks), encoding="utf-8")
    (folder / "bots.list").write_text("".join(f"1 {bot} 0 0\n" for bot in bots), encoding="utf-8")
    return folder / "kamailio.cfg"


@dataclass
class Edge:
    """A running Kamailio."""

    process: Process
    port: int
    metrics_port: int
    control: Path
    log: Path

    def ask(self, *command: str) -> str:
        """What kamcmd answers; nothing while the edge is too busy."""
        asked = ["kamcmd", "-s", f"unix:{self.control}", *command]
        try:
            done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=5)
        except subprocess.TimeoutExpired:
            return ""
        return done.stdout + done.stderr

    def takes(self, bot: str) -> bool:
        """Whether it gives calls to this bot: it was asked, and said yes."""
        told = re.search(rf"URI: {re.escape(bot)}\s+FLAGS: (\w+)", self.ask("dispatcher.list"))
        return told is not None and told[1] == "AP"


def make_certificate(folder: Path) -> None:
    """The files that tls.cfg names."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=edge"
    made = ["-keyout", str(folder / "edge-key.pem"), "-out", str(folder / "edge-certificate.pem")]
    subprocess.run([*command.split(), *made], check=True, capture_output=True)


@asynccontextmanager
async def open_edge(
    folder: Path, bots: Sequence[str], *, trunks: Sequence[str] = ("1 127.0.0.1 32 0 local",), **settings: str
) -> AsyncIterator[Edge]:
    """The shipped edge before these bots (SIP URIs), which it asks every two seconds; `settings` of settings.cfg on top."""
    port, metrics = free_port(HOST), free_port(HOST)
    ours = {
        "EDGE_UDP": f"udp:{HOST}:{port}",
        "EDGE_TCP": f"tcp:{HOST}:{port}",
        "EDGE_METRICS": f"tcp:{HOST}:{metrics}",
        "EDGE_METRICS_PORT": str(metrics),
        "ASK_BOTS_S": "2",
    }
    config = edge_files(folder, {**ours, **settings}, trunks=trunks, bots=bots)
    if "WITH_TLS" in settings:
        make_certificate(folder)
    log = folder / "log"
    command = ["kamailio", "-DD", "-E", "-f", str(config), "-Y", str(folder), "-m", "64", "-M", "8"]
    with log.open("w") as written:
        process = await asyncio.create_subprocess_exec(*command, stdout=written, stderr=written)
    edge = Edge(process, port, metrics, folder / "kamailio_ctl", log)
    try:
        await until(lambda: process.returncode is not None or "uptime" in edge.ask("core.uptime"))
        assert process.returncode is None, log.read_text()
        yield edge
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@dataclass
class Bot:
    """A service behind the edge."""

    process: Process
    uri: str
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    calls: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Journal lines by call."""

    async def follow(self) -> None:
        """Keep what it tells."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            told = json.loads(line)
            if "ready" in told:
                self.ready.set()
            else:
                self.calls.setdefault(told["call"], []).append(told["line"])

    async def stop(self) -> int:
        """As systemd does at a deploy; its exit status when it is gone."""
        self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()


@asynccontextmanager
async def open_bot(data_dir: Path, port: int, rtp_ports: tuple[int, int], **sections: Any) -> AsyncIterator[Bot]:
    """A ready service that listens on this port."""
    sip = {"port": port, "rtp_ports": rtp_ports, **sections.pop("sip", {})}
    order = {"data_dir": str(data_dir), "sip": sip, **sections}
    data_dir.mkdir(exist_ok=True)
    with (data_dir / "log").open("a") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.deploy.bot", stdin=-1, stdout=-1, stderr=log, cwd=ROOT, limit=1 << 22
        )
    bot = Bot(process, f"sip:{HOST}:{port}")
    following = asyncio.create_task(bot.follow())
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(order).encode() + b"\n")
        await until(lambda: bot.ready.is_set() or following.done())
        assert bot.ready.is_set(), (data_dir / "log").read_text()[-4000:]
        yield bot
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await following
