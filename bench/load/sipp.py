"""Calls placed by sipp (Debian's): what each does, and what came of them."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.hostile.watching import usage
from bench.load.rtp import KEYS_TYPE, PCMA
from voicebot.errors import ConfigError

_SDP = f"""v=0
o=sipp 1 1 IN IP[media_ip_type] [media_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP {PCMA} {KEYS_TYPE}
a=rtpmap:{PCMA} PCMA/8000
a=rtpmap:{KEYS_TYPE} telephone-event/8000
a=fmtp:{KEYS_TYPE} 0-15
a=ptime:20
"""
_PROVISIONAL = "".join(f'<recv response="{status}" optional="true"/>' for status in (100, 180, 183))
_SAME = "[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]"


def _request(method: str, cseq: int, *more: str, body: str = "", attributes: str = "") -> str:
    lines = [
        f"{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
        "From: <sip:+4860[call_number]@[local_ip]:[local_port]>;tag=[pid]x[call_number]",
        f"To: <sip:[service]@[remote_ip]:[remote_port]>{'' if method in ('INVITE', 'CANCEL') else '[peer_tag_param]'}",
        "Call-ID: [call_id]",
        f"CSeq: {cseq} {method}",
        "Contact: <sip:sipp@[local_ip]:[local_port]>",
        "Max-Forwards: 70",
        *more,
        "Content-Length: [len]",
    ]
    return f"<send {attributes}><![CDATA[\n" + "\n".join(lines) + f"\n\n{body}]]></send>\n"


def _reply(status: str) -> str:
    lines = f"SIP/2.0 {status}\n{_SAME}\nContact: <sip:sipp@[local_ip]:[local_port]>\nContent-Length: 0\n\n"
    return f"<send><![CDATA[\n{lines}]]></send>\n"


def invite() -> str:
    """An offer; its answer is timed."""
    kind = "Content-Type: application/sdp"
    return _request("INVITE", 1, kind, body=_SDP, attributes='retrans="500" start_rtd="1"') + _PROVISIONAL


def answered() -> str:
    """The 200 is there."""
    return '<recv response="200" rtd="1"/>\n'


def ack() -> str:
    """Of the 200."""
    return _request("ACK", 1)


def talk(capture: str) -> str:
    """Play RTP; goes on beside what follows."""
    return f'<nop><action><exec play_pcap_audio="{capture}"/></action></nop>\n'


def pause(seconds: float) -> str:
    """Wait."""
    return f'<pause milliseconds="{round(1000 * seconds)}"/>\n'


def bye(cseq: int = 9) -> str:
    """Hang up."""
    return _request("BYE", cseq, attributes='retrans="500"') + '<recv response="200"/>\n'


def hold() -> str:
    """A re-INVITE that holds the call."""
    kind = "Content-Type: application/sdp"
    held = _request("INVITE", 2, kind, body=_SDP + "a=sendonly\n", attributes='retrans="500"') + _PROVISIONAL
    return held + '<recv response="200"/>\n' + _request("ACK", 2)


def taken_over(seconds: float) -> str:
    """Within so many seconds a REFER comes; it is accepted, done, and the bot hangs up."""
    notify = ("Event: refer", "Subscription-State: terminated;reason=noresource", "Content-Type: message/sipfrag")
    return (
        f'<recv request="REFER" timeout="{round(1000 * seconds)}"/>\n'
        + _reply("202 Accepted")
        + _request("NOTIFY", 5, *notify, body="SIP/2.0 200 OK\n", attributes='retrans="500"')
        + '<recv response="200"/>\n'
        + hung_up(20)
    )


def refused(seconds: float) -> str:
    """Within so many seconds a REFER comes, which is refused; the caller hangs up."""
    return f'<recv request="REFER" timeout="{round(1000 * seconds)}"/>\n' + _reply("603 Decline") + pause(1) + bye()


def hung_up(seconds: float) -> str:
    """Within so many seconds the bot hangs up."""
    return f'<recv request="BYE" timeout="{round(1000 * seconds)}"/>\n' + _reply("200 OK")


@dataclass(slots=True)
class Placed:
    """What sipp told in the end."""

    successful: int = 0
    failed: int = 0
    retransmissions: int = 0
    answer_ms: list[float] = field(default_factory=list)
    """From the INVITE to its 200, of each call."""
    cpu_s: float = 0.0

    def answer_at(self, share: float) -> float:
        """A percentile in milliseconds; 0 when nothing was answered."""
        ordered = sorted(self.answer_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


@dataclass(frozen=True, slots=True)
class Order:
    """Which calls sipp shall place."""

    name: str
    steps: str
    """Of its scenario."""
    calls: int
    at_once: int
    per_second: float
    target: tuple[str, int]
    service: str = "+48225550100"
    """The dialled number."""


@asynccontextmanager
async def placing(order: Order, folder: Path, media_port: int = 40_000) -> AsyncIterator[asyncio.Task[Placed]]:
    """sipp at work while the context lasts; the task ends when all calls are over. Raises ConfigError where sipp is missing."""
    if shutil.which("sipp") is None:
        raise ConfigError("sipp is not installed: apt install sip-tester")
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    scenario = folder / f"{order.name}.xml"
    scenario.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="{order.name}">\n{order.steps}</scenario>\n')
    (folder / f"{order.name}.csv").unlink(missing_ok=True)  # of an earlier run
    host, port = order.target
    many = max(1, round(order.per_second))
    period = round(1000 * many / order.per_second)  # milliseconds in which so many calls begin
    command = (
        f"sipp {host}:{port} -sf {scenario} -s {order.service} -i 127.0.0.1 -mi 127.0.0.1 -mp {media_port} "
        f"-m {order.calls} -l {order.at_once} -r {many} -rp {period} -nostdin "
        f"-trace_stat -fd 1 -stf {folder / order.name}.csv -trace_rtt -rtt_freq 1"
    )
    process = await asyncio.create_subprocess_exec(
        *command.split(), cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    task = asyncio.create_task(_told(process, order, folder), name=f"sipp-{order.name}")
    try:
        yield task
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await asyncio.gather(task, return_exceptions=True)


async def _told(process: asyncio.subprocess.Process, order: Order, folder: Path) -> Placed:
    placed = Placed()
    waiting = asyncio.create_task(process.communicate())
    while not waiting.done():
        with contextlib.suppress(OSError):
            placed.cpu_s = usage(process.pid).cpu_s
        await asyncio.wait({waiting}, timeout=0.5)
    rows = _rows(folder / f"{order.name}.csv")
    if not rows:
        raise ConfigError(f"sipp told nothing: {waiting.result()[1].decode(errors='replace').strip()[-500:]}")
    placed.successful = int(rows[-1]["SuccessfulCall(C)"])
    placed.failed = int(rows[-1]["FailedCall(C)"])
    placed.retransmissions = int(rows[-1]["Retransmissions(C)"])
    for file in folder.glob(f"{order.name}_{process.pid}_rtt.csv"):
        placed.answer_ms = [float(row["response_time_ms"]) for row in _rows(file)]
        os.unlink(file)
    return placed


def _rows(file: Path) -> Sequence[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(encoding="utf-8") as lines:
        return [{name.strip(): value for name, value in row.items() if name} for row in csv.DictReader(lines, delimiter=";")]
