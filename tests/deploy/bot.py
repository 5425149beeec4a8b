"""`python -m tests.deploy.bot`: a service in a process of its own, as `voicebot serve` is, but with the quick engines.

In: one line of JSON, {"data_dir": folder, and sections of the configuration}. Out: JSON lines, {"ready": true} and then
{"call": id, "line": journal line}. SIGTERM drains it, as a deploy does.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from tests.voicebot.running import open_service
from voicebot.logs import configure_logs
from voicebot.records.journal import Line


async def serve(order: dict[str, Any]) -> None:
    """Until SIGTERM, and until the drain is over."""
    configure_logs(level="info", format="console")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_service(Path(order.pop("data_dir")), **order) as service:
        service.listeners.append(lambda call, line: _tell(call=call, line=_plain(line)))
        _tell(ready=True)
        await stop.wait()
        await service.drain(service.service.settings.limits.drain_s)


def _plain(line: Line) -> dict[str, Any]:
    return {name: line[name] for name in ("kind", "type", "queue") if name in line}


def _tell(**what: object) -> None:
    print(json.dumps(what, default=str), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.stdin.readline())))
