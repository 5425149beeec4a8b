"""Two real processes of calls under one parent: called, killed, reloaded and stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.voicebot.running import TOKEN
from voicebot.config.settings import Settings
from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.sip.ports import check_free, free_port
from voicebot.errors import StateError
from voicebot.reloading import ReloadError
from voicebot.softphone import CallReport, CallScript, Keys, Pause, Step, UntilEnded, UntilSpeaking, run_script_process
from voicebot.workers.plan import PORT_STEP
from voicebot.workers.supervisor import Workers, open_workers

QUICK = (sys.executable, "-m", "tests.voicebot.workers.quick")
PATIENT_S = 60.0
SIP = {
    "host": "127.0.0.1",
    "peers": ["127.0.0.1/32"],
    "net_interface": "127.0.0.1",
    "transports": ["udp"],
    "rtp_ports": [22000, 22999],
}


@asynccontextmanager
async def two(folder: Path, **sections: object) -> AsyncIterator[Workers]:
    settings = Settings.model_validate(
        {
            "workers": 2,
            "sip": {**SIP, "port": 0},
            "state": {"data_dir": str(folder)},
            "health": {"port": 0},
            "web": {"enabled": False, "token": TOKEN},
            "limits": {"drain_s": 1},
            "nlu": {"semantic": False},
            **sections,
        }
    )
    async with open_workers(settings, program=QUICK) as workers:
        yield workers


async def call(address: tuple[str, int], *steps: Step) -> CallReport:
    """A real call to one of them."""
    script = CallScript(f"sip:+48225550100@{address[0]}:{address[1]}", steps, number="+48600100200", max_s=PATIENT_S)
    (report,) = await run_script_process([script], host="127.0.0.1")
    return report


async def told(workers: Workers, path: str) -> httpx.Response:
    host, port = workers.health
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False, timeout=20) as client:
        return await client.get(path)


def fixed_ports() -> dict[str, object]:
    """Those of two workers; free when it was looked."""
    while True:
        port = free_port("127.0.0.1")
        try:
            check_free("127.0.0.1", port + PORT_STEP, ["udp"])
        except EndpointError:
            continue
        return {**SIP, "port": port}


async def until_live(workers: Workers, name: str) -> None:
    """A call is under way there."""
    async with asyncio.timeout(PATIENT_S):
        while f'voicebot_live_calls{{process="{name}"}} 1.0' not in (await told(workers, "/metrics")).text:
            await asyncio.sleep(0.2)


async def until(workers: Workers, part: str, ok: bool) -> None:
    async with asyncio.timeout(PATIENT_S):
        while (await told(workers, "/health/ready")).json()["parts"][part]["ok"] is not ok:
            await asyncio.sleep(0.2)


async def test_each_takes_calls_and_one_page_tells_of_both(tmp_path: Path) -> None:
    """What they count is told apart by the name of the process."""
    async with two(tmp_path) as workers:
        assert len(set(workers.addresses)) == 2
        reports = await asyncio.gather(
            *(call(address, UntilSpeaking(0.3), Keys("91"), UntilEnded(30)) for address in workers.addresses)
        )
        assert [report.put_through for report in reports] == [True, True]
        health = (await told(workers, "/health/ready")).json()
        assert (health["status"], sorted(health["parts"])) == ("ready", ["calls", "calls-1", "calls-2"])
        figures = (await told(workers, "/metrics")).text.splitlines()
        for name in ("calls-1", "calls-2"):
            assert f'voicebot_calls_total{{outcome="handed_over",process="{name}"}} 1.0' in figures
        assert (await told(workers, "/health/running")).json()["bundle"] == workers.bundle_version


async def test_a_worker_that_is_killed_is_started_again_and_the_other_does_not_notice(tmp_path: Path) -> None:
    """Its port is the same, so that the PBX need not be told."""
    async with two(tmp_path, sip=fixed_ports()) as workers:
        first, second = workers.processes
        assert first.addresses is not None
        before, pid = first.addresses.sip, first.pid
        assert pid is not None
        speaking = asyncio.create_task(call(workers.addresses[1], UntilSpeaking(0.3), Pause(3), Keys("91"), UntilEnded(30)))
        await until_live(workers, "calls-2")
        os.kill(pid, signal.SIGKILL)
        await until(workers, "calls-1", ok=False)
        assert (await told(workers, "/health/ready")).status_code == 200, "calls can come in"
        assert (await speaking).put_through
        await until(workers, "calls-1", ok=True)
        assert (first.restarts, second.restarts) == (1, 0)
        assert first.addresses is not None
        assert first.addresses.sip == before
        assert (await call(before, UntilSpeaking(0.3), Keys("91"), UntilEnded(30))).put_through


PARENT = """
import asyncio, json, sys
from pathlib import Path
from tests.voicebot.workers.test_supervisor import two

async def main():
    async with two(Path(sys.argv[1]), workers=1) as workers:
        print(json.dumps([[each.pid, each.addresses.sip, each.addresses.health] for each in workers.processes]), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_parent_that_is_killed_takes_its_worker_with_it_and_no_caller(tmp_path: Path) -> None:
    """Who is on the line is put through; then nothing is left that would keep the ports from the next start."""
    out, log = asyncio.subprocess.PIPE, (tmp_path / "log").open("wb")
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, str(tmp_path / "data"), stdout=out, stderr=log)
    try:
        assert parent.stdout is not None
        line = b""
        async with asyncio.timeout(PATIENT_S):
            while not line.startswith(b"[["):
                line = await parent.stdout.readline()
                assert line, (tmp_path / "log").read_text()
        workers = json.loads(line)
        ((_, sip, health),) = workers
        speaking = asyncio.create_task(call(tuple(sip), UntilSpeaking(0.3), UntilEnded(40)))
        async with httpx.AsyncClient(base_url=f"http://{health[0]}:{health[1]}", trust_env=False) as client:
            async with asyncio.timeout(PATIENT_S):
                while "voicebot_live_calls 1.0" not in (await client.get("/metrics")).text:
                    await asyncio.sleep(0.1)
    finally:
        parent.kill()
        await parent.wait()
        log.close()
    assert (await speaking).put_through
    async with asyncio.timeout(PATIENT_S):
        while any(Path(f"/proc/{pid}").exists() for pid, _, _ in workers):
            await asyncio.sleep(0.1)
    for _, (host, port), _ in workers:
        check_free(host, port, ["udp"])


async def test_a_mistake_is_reloaded_nowhere_and_a_stop_puts_callers_through(tmp_path: Path) -> None:
    async with two(tmp_path) as workers:
        with pytest.raises(ReloadError, match="not-there"):
            await workers.reload(workers.settings.model_copy(update={"bundle": tmp_path / "not-there"}))
        running = (await told(workers, "/health/running")).json()
        assert (running["attempts"], running["reloads"]) == (1, 0)
        assert "not-there" in running["problem"]
        calls = [asyncio.create_task(call(address, UntilEnded(60))) for address in workers.addresses]
        for name in ("calls-1", "calls-2"):
            await until_live(workers, name)
        await workers.drain(1)
        assert [report.put_through for report in await asyncio.gather(*calls)] == [True, True]
        assert [each.pid for each in workers.processes] == [None, None]
        assert [each.restarts for each in workers.processes] == [0, 0]


async def test_a_worker_that_cannot_serve_says_why_and_the_start_ends(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "secret").mkdir()
    with pytest.raises(StateError, match="calls-1 could not start; the log says why"):
        async with two(tmp_path):
            pass
    assert f"{tmp_path}/secret" in capfd.readouterr().err
