"""Two real processes of calls under one parent: called, killed, reloaded and stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.voicebot.running import TOKEN
from voicebot.children.child import SILENT_S
from voicebot.config.settings import Settings
from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.sip.ports import check_free, free_port
from voicebot.errors import StateError
from voicebot.health.routes import health_app
from voicebot.http.server import listen, serve
from voicebot.reloading import ReloadError
from voicebot.softphone import CallReport, CallScript, Keys, Pause, Step, UntilEnded, UntilSpeaking, run_script_process
from voicebot.state.embedded import EmbeddedValkey
from voicebot.workers.plan import PORT_STEP, worker_settings
from voicebot.workers.process import CallsProcess
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
async def two(folder: Path, *, silent_s: float = SILENT_S, **sections: object) -> AsyncIterator[Workers]:
    async with open_workers(settings_of_two(folder, **sections), program=QUICK, silent_s=silent_s) as workers:
        yield workers


def settings_of_two(folder: Path, **sections: object) -> Settings:
    return Settings.model_validate(
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
        assert (health["status"], sorted(health["parts"])) == ("ready", ["calls", "calls-1", "calls-2", "release"])
        figures = (await told(workers, "/metrics")).text.splitlines()
        for name in ("calls-1", "calls-2"):
            assert f'voicebot_calls_total{{outcome="handed_over",process="{name}"}} 1.0' in figures
        running = (await told(workers, "/health/running")).json()
        assert (running["bundle"], running["release"]) == (workers.bundle_version, "")
        assert "releases" not in running
        second = workers.processes[1].addresses
        assert second is not None
        app = health_app([], _no_figures, lambda: {"bundle": "b2", "release": "r" * 64})
        other = await serve(app, listen("127.0.0.1", 0, setting="test"))
        workers.processes[1].addresses = second.model_copy(update={"health": ("127.0.0.1", other.port)})
        try:
            await until(workers, "release", ok=False)
            why = (await told(workers, "/health/ready")).json()["parts"]["release"]["why"]
            assert why == "they differ: calls-1 none, calls-2 rrrrrrrrrrrr"
            async with asyncio.timeout(PATIENT_S):  # what is told may be half a second old
                while "releases" not in (running := (await told(workers, "/health/running")).json()):
                    await asyncio.sleep(0.1)
            assert running["releases"] == {"calls-1": "", "calls-2": "r" * 64}
        finally:
            workers.processes[1].addresses = second
            await other.close()


async def _no_figures() -> str:
    return ""


async def test_a_worker_that_stands_still_is_killed_and_started_again_and_the_other_does_not_notice(tmp_path: Path) -> None:
    """Its callers hear nothing, and would for ever. Its port is the same, so that the PBX need not be told."""
    async with two(tmp_path, sip=fixed_ports(), silent_s=12) as workers:
        first, second = workers.processes
        assert first.addresses is not None
        before, pid = first.addresses.sip, first.pid
        assert pid is not None
        speaking = asyncio.create_task(call(workers.addresses[1], UntilSpeaking(0.3), Pause(3), Keys("91"), UntilEnded(30)))
        await until_live(workers, "calls-2")
        os.kill(pid, signal.SIGSTOP)
        await until(workers, "calls-1", ok=False)
        assert (await told(workers, "/health/ready")).status_code == 200, "calls can come in"
        assert (await speaking).put_through
        await asyncio.wait_for(first.failed.wait(), PATIENT_S)
        assert before in workers.addresses, "the web goes on spreading calls of the app over all"
        await until(workers, "calls-1", ok=True)
        assert (first.restarts, second.restarts) == (1, 0)
        assert first.addresses is not None
        assert first.addresses.sip == before
        assert (await call(before, UntilSpeaking(0.3), Keys("91"), UntilEnded(30))).put_through


REFUSES = "print('ready', flush=True); [input() for _ in range(3)]; print('reloaded {\"problem\": \"no\"}', flush=True); input()"
DIES = "print('ready', flush=True); [input() for _ in range(3)]"


@pytest.mark.parametrize(("program", "problem"), [(REFUSES, "no"), (DIES, "")])
async def test_a_worker_starts_anew_with_what_it_took_last(tmp_path: Path, program: str, problem: str) -> None:
    """One that refuses goes on with what it had; nobody waits for one that died meanwhile: it begins with what is new."""
    before, _ = worker_settings(settings_of_two(tmp_path), "unix:///run/state")
    worker = CallsProcess("calls-1", before, program=(sys.executable, "-c", program))
    worker.start()
    try:
        assert await worker.ready(PATIENT_S)
        wanted = before.model_copy(update={"bundle": tmp_path / "other"})
        assert await worker.reload(wanted, PATIENT_S) == problem
        assert worker.settings is (before if problem else wanted)
    finally:
        await worker.close()


@contextmanager
def worker_of(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A worker whose parent is this test, which can leave it; and its settings."""
    state = EmbeddedValkey(folder / "state")
    state.start()
    settings = worker_settings(settings_of_two(folder), state.url)[0].as_json()
    pipe = subprocess.PIPE
    try:
        with subprocess.Popen(QUICK, stdin=pipe, stdout=pipe, stderr=pipe) as worker:
            tell(worker, "calls-1", settings)
            yield worker, settings
            worker.kill()
    finally:
        state.stop()


def tell(worker: subprocess.Popen[bytes], *lines: str) -> None:
    assert worker.stdin is not None
    worker.stdin.writelines(f"{line}\n".encode() for line in lines)
    worker.stdin.flush()


@pytest.mark.parametrize("when", ["while it starts", "while it reloads"])
def test_a_worker_whose_parent_is_killed_ends_whatever_it_does(tmp_path: Path, when: str) -> None:
    """It holds ports that whoever is started next needs."""
    with worker_of(tmp_path) as (worker, settings):
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stderr is not None
        if when == "while it reloads":
            assert any(line.startswith(b"ready ") for line in worker.stdout), "it ended before that"
            tell(worker, settings)
        worker.stdin.close()
        worker.stdout.close()
        waited_for_in_vain = threading.Timer(PATIENT_S, worker.kill)
        waited_for_in_vain.start()
        said = worker.stderr.read().decode()
        waited_for_in_vain.cancel()
    assert worker.returncode in (0, 2), said
    assert "the parent is gone" in said, said
    assert "Traceback" not in said, said


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
