"""A registrar that others wrote: Kamailio's, with its own digest and its own location table."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.voicebot.endpoints.sip.conftest import StartBot, settings
from voicebot.endpoints.sip.ports import free_port

LIMIT_S = 60.0
CONFIG = """
debug=1
log_stderror=yes
fork=no
children=1
listen=udp:127.0.0.1:PORT
disable_tcp=yes
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "textops.so"
loadmodule "pv.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "xlog.so"
modparam("auth", "algorithm", "ALGORITHM")
modparam("registrar", "min_expires", 1200)
request_route {
    if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
    if (!is_method("REGISTER")) { sl_send_reply("405", "No"); exit; }
    if (!pv_www_authenticate("provider.example", "right", "0")) { www_challenge("provider.example", "1"); exit; }
    save("location");
    xlog("L_ERR", "saved $ct\\n");
    exit;
}
"""


@asynccontextmanager
async def kamailio(folder: Path, algorithm: str) -> AsyncIterator[tuple[int, asyncio.StreamReader]]:
    """Its port, and what it says."""
    program = shutil.which("kamailio")
    if program is None:
        pytest.skip("kamailio is not installed")
    port = free_port("127.0.0.1")
    path = folder / "kamailio.cfg"
    path.write_text(CONFIG.replace("PORT", str(port)).replace("ALGORITHM", algorithm))
    process = await asyncio.create_subprocess_exec(
        program, "-DD", "-E", "-f", str(path), "-Y", str(folder), "-m", "32", "-M", "8",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        yield port, process.stderr
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def said(lines: asyncio.StreamReader, wanted: str) -> str:
    async with asyncio.timeout(LIMIT_S):
        while line := (await lines.readline()).decode():
            if wanted in line:
                return line
    raise AssertionError(f"never said: {wanted}")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_kamailio_keeps_our_registration_and_lets_it_go(start_bot: StartBot, tmp_path: Path, algorithm: str) -> None:
    """By either digest; it answers OPTIONS as well."""
    async with kamailio(tmp_path, algorithm) as (port, lines):
        registration = {"registrar": f"127.0.0.1:{port}", "user": "bot", "password": "right", "domain": "provider.example"}
        trunk = {"peers": ["127.0.0.1"], "registration": registration, "qualify_s": 1}
        bot = await start_bot(settings(peers=(), trunks={"carrier": trunk}))
        line = await said(lines, "saved")
        assert f"<sip:bot@127.0.0.1:{bot.address[1]}>" in line
        async with asyncio.timeout(LIMIT_S):
            while bot.endpoint.links["carrier"].trouble or bot.endpoint.links["carrier"].qualify is None:
                await asyncio.sleep(0.05)
        await bot.endpoint.close()
        await said(lines, "saved")
