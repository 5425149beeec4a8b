"""The softphone as a process of its own: one JSON object in, JSON lines out (see `voicebot.softphone.__main__`)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from voicebot.softphone.report import CallReport, Moment, parse_report
from voicebot.softphone.script import CallScript, ScriptError, script_json

_LINE_BYTES = 1 << 24


def _ignore(moment: Moment) -> None:
    pass


async def run_script_process(
    scripts: Sequence[CallScript],
    *,
    host: str | None = None,
    together: int | None = None,
    cache: Path | None = None,
    on_moment: Callable[[Moment], None] = _ignore,
) -> list[CallReport]:
    """Place the calls from a new process, `together` at a time (None: all at once); reports in the scripts' order.

    `on_moment` is called as things happen. The process is ended when this is cancelled. Raises ScriptError with
    what the process said when it failed.
    """
    order: dict[str, object] = {"host": host, "together": together, "calls": [script_json(script) for script in scripts]}
    if cache is not None:
        order["cache"] = str(cache)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "voicebot.softphone", stdin=pipe, stdout=pipe, stderr=pipe, limit=_LINE_BYTES
    )
    try:
        _, reports, complaint = await asyncio.gather(_send(process, order), _follow(process, on_moment), _errors(process))
        if await process.wait() != 0 or len(reports) != len(scripts):
            raise ScriptError(f"the softphone's process failed: {complaint.strip()[-2000:] or 'no reason given'}")
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return [reports[at] for at in range(len(scripts))]


async def _send(process: asyncio.subprocess.Process, order: dict[str, object]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(json.dumps(order).encode())
            await process.stdin.drain()
        process.stdin.close()


async def _follow(process: asyncio.subprocess.Process, on_moment: Callable[[Moment], None]) -> dict[int, CallReport]:
    reports: dict[int, CallReport] = {}
    if process.stdout is None:
        return reports
    async for line in process.stdout:
        data = json.loads(line)
        if "moment" in data:
            on_moment(Moment(**data["moment"]))
        elif "report" in data:
            reports[data["number"]] = parse_report(data["report"])
    return reports


async def _errors(process: asyncio.subprocess.Process) -> str:
    return (await process.stderr.read()).decode(errors="replace") if process.stderr is not None else ""
