"""What the shipped edge lets in, passes on, answers and refuses, on the wire."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.deploy.edge import Edge, edge_files, open_edge, until
from tests.deploy.raw_sip import HOST, RawBot, RawTrunk, field, fields
from voicebot.endpoints.sip.ports import free_port

pytestmark = pytest.mark.skipif(shutil.which("kamailio") is None, reason="Kamailio is not installed here")

CLAIMS = (
    "P-Asserted-Identity: <sip:+48601000001@192.0.2.1>",
    "Diversion: <sip:+48225550199@192.0.2.1>",
    "X-Ticket: stolen",
)


@pytest.fixture
async def trunk() -> AsyncIterator[RawTrunk]:
    end = await RawTrunk.open()
    yield end
    end.close()


@pytest.fixture
async def bot() -> AsyncIterator[RawBot]:
    end = await RawBot.open()
    yield end
    end.close()


@pytest.fixture
async def other() -> AsyncIterator[RawBot]:
    end = await RawBot.open()
    yield end
    end.close()


async def status_of(trunk: RawTrunk, method: str, edge: Edge, *headers: str) -> str:
    """The final answer's first line and head."""
    before = len(finals(trunk))
    trunk.ask(method, edge.port, *headers)
    await until(lambda: len(finals(trunk)) > before)
    return finals(trunk)[before]


def finals(trunk: RawTrunk) -> list[str]:
    """Final answers, each once, however often they came again."""
    kept = {(field(each, "call-id"), field(each, "cseq")): each for each in trunk.seen("SIP/2.0 ") if each[8] != "1"}
    return list(kept.values())


ALL = {"WITH_TLS": "", "WITH_RTPENGINE": "", "DEFAULT_QUEUE": '"sip:general@192.0.2.10:5060"'}


@pytest.mark.parametrize("more", [{}, ALL], ids=["as shipped", "with all that is optional"])
def test_kamailio_takes_the_shipped_files(more: dict[str, str], tmp_path: Path) -> None:
    """For its own check of the syntax and of the modules' parameters."""
    config = edge_files(tmp_path / "edge", more, trunks=["1 192.0.2.0 28 0 north"], bots=["sip:192.0.2.20:5060"])
    done = subprocess.run(["kamailio", "-c", "-f", str(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr
    assert "WARNING" not in done.stderr


async def test_a_trunk_learns_by_options_whether_a_bot_takes_calls(trunk: RawTrunk, bot: RawBot, tmp_path: Path) -> None:
    """A bot that is full or stops says 503 to OPTIONS; the edge then says so to the trunk, which takes its next target."""
    async with open_edge(tmp_path / "edge", [bot.uri]) as edge:
        await until(lambda: edge.takes(bot.uri))
        assert (await status_of(trunk, "OPTIONS", edge)).startswith("SIP/2.0 200 ")
        bot.options = "503 Service Unavailable"
        await until(lambda: not edge.takes(bot.uri))
        refused = await status_of(trunk, "OPTIONS", edge)
        assert refused.startswith("SIP/2.0 503 ")
        assert field(refused, "retry-after") == "10"
        refused = await status_of(trunk, "INVITE", edge)
        assert refused.startswith("SIP/2.0 503 ")
        assert field(refused, "retry-after") == "10"
        assert not fields(refused, "server")
        assert not bot.seen("INVITE")
        bot.options = "200 OK"
        await until(lambda: edge.takes(bot.uri))
        assert (await status_of(trunk, "INVITE", edge)).startswith("SIP/2.0 200 ")


@pytest.mark.parametrize("refusal", ["486 Busy Here", "503 Service Unavailable", "500 Server Error", ""])
async def test_a_bot_that_refuses_or_is_silent_costs_no_call(
    refusal: str, trunk: RawTrunk, bot: RawBot, other: RawBot, tmp_path: Path
) -> None:
    """The next bot has it. Both refuse: 503, not "busy"."""
    bot.invite = refusal
    async with open_edge(tmp_path / "edge", [bot.uri, other.uri], BOT_SILENT_MS="500") as edge:
        await until(lambda: edge.takes(bot.uri) and edge.takes(other.uri))
        for _ in range(2):
            assert (await status_of(trunk, "INVITE", edge)).startswith("SIP/2.0 200 ")
        assert bot.seen("INVITE"), "it was asked first by one of the two"
        other.invite = refusal
        refused = await status_of(trunk, "INVITE", edge)
        assert refused.startswith("SIP/2.0 503 ")
        assert field(refused, "retry-after") == "10"


async def test_what_is_wrong_with_the_call_itself_is_told_to_the_caller(
    trunk: RawTrunk, bot: RawBot, other: RawBot, tmp_path: Path
) -> None:
    """No bot could take it: no common codec."""
    bot.invite = other.invite = "488 Not Acceptable Here"
    async with open_edge(tmp_path / "edge", [bot.uri, other.uri]) as edge:
        assert (await status_of(trunk, "INVITE", edge)).startswith("SIP/2.0 488 ")
        assert len(bot.seen("INVITE")) + len(other.seen("INVITE")) == 1


async def test_without_a_bot_the_default_queue_has_the_call(trunk: RawTrunk, bot: RawBot, other: RawBot, tmp_path: Path) -> None:
    """Where one is set."""
    bot.invite = "503 Service Unavailable"
    queue = f'"sip:general@{HOST}:{other.port}"'
    async with open_edge(tmp_path / "edge", [bot.uri], DEFAULT_QUEUE=queue) as edge:
        assert (await status_of(trunk, "INVITE", edge)).startswith("SIP/2.0 200 ")
        assert (await other.until("INVITE")).startswith("INVITE sip:general@")


async def test_a_stranger_gets_no_answer(trunk: RawTrunk, bot: RawBot, tmp_path: Path) -> None:
    """Not even that somebody is there."""
    async with open_edge(tmp_path / "edge", [bot.uri], trunks=["1 192.0.2.0 28 0 north"]) as edge:
        await until(lambda: edge.takes(bot.uri))
        for method in ("OPTIONS", "INVITE", "REGISTER", "MESSAGE", "BYE", "CANCEL"):
            trunk.ask(method, edge.port)
        trunk.send("\x1b]0;mine\x07 no SIP at all\r\n\r\n", edge.port)
        # the bot's own request shows that the edge has read all that came before: it answers, and the stranger has nothing
        trunk.ask("OPTIONS", edge.port)
        await until(lambda: "stranger dropped" in edge.log.read_text())
        await bot.until("OPTIONS", count=len(bot.seen("OPTIONS")) + 2)
        assert trunk.received == []
        assert not bot.seen("INVITE")
        assert "\x1b" not in edge.log.read_text()


async def test_identity_headers_pass_from_trusted_trunks_only(trunk: RawTrunk, bot: RawBot, tmp_path: Path) -> None:
    """RFC 3325: from others they are removed, and From is what is left, as a claim."""
    async with open_edge(tmp_path / "edge", [bot.uri], trunks=["2 127.0.0.1 32 0 office"]) as edge:
        assert (await status_of(trunk, "INVITE", edge, *CLAIMS, "Route: <sip:192.0.2.99;lr>")).startswith("SIP/2.0 200 ")
        invite = await bot.until("INVITE")
        assert [fields(invite, name) for name in ("p-asserted-identity", "diversion", "x-ticket", "route")] == [[], [], [], []]
        assert "+48600100200" in field(invite, "from")


async def test_a_trusted_trunk_vouches_by_its_from_where_it_has_nothing_better(
    trunk: RawTrunk, bot: RawBot, tmp_path: Path
) -> None:
    """What comes with P-Asserted-Identity is passed on as it is."""
    async with open_edge(tmp_path / "edge", [bot.uri]) as edge:
        await status_of(trunk, "INVITE", edge, *CLAIMS, "X-App-Session: mine")
        invite = await bot.until("INVITE")
        assert fields(invite, "p-asserted-identity") == ["<sip:+48601000001@192.0.2.1>"]
        assert (field(invite, "x-ticket"), field(invite, "x-app-session")) == ("stolen", "")
        await status_of(trunk, "INVITE", edge)
        invite = bot.seen("INVITE")[-1]
        assert fields(invite, "p-asserted-identity") == [f"<sip:+48600100200@{HOST}>"]


async def test_too_many_calls_a_second_are_sent_elsewhere(trunk: RawTrunk, bot: RawBot, tmp_path: Path) -> None:
    """With 503, not by silence; and a flood of what is no call costs nothing."""
    async with open_edge(tmp_path / "edge", [bot.uri], CALLS_PER_S="5", OTHERS_PER_S="5") as edge:
        for _ in range(100):
            trunk.ask("INVITE", edge.port)
        await until(lambda: len(finals(trunk)) == 100)
        refused = [each for each in finals(trunk) if each.startswith("SIP/2.0 503 ")]
        assert len(refused) > 50
        assert field(refused[0], "retry-after") == "10"
        async with asyncio.timeout(30):  # five a second, not five now and then
            while len({field(each, "call-id") for each in bot.seen("INVITE")}) < 30:
                trunk.ask("INVITE", edge.port)
                await asyncio.sleep(0.1)
        trunk.received.clear()
        for _ in range(100):
            trunk.ask("MESSAGE", edge.port)
        await trunk.until("SIP/2.0 405 ")
        assert len(trunk.seen("SIP/2.0 405 ")) < 50


async def test_within_a_call_requests_find_its_bot(trunk: RawTrunk, bot: RawBot, other: RawBot, tmp_path: Path) -> None:
    """Also when that bot takes no more calls."""
    async with open_edge(tmp_path / "edge", [bot.uri, other.uri]) as edge:
        accepted = await status_of(trunk, "INVITE", edge)
        number = field(accepted, "cseq").split()[0]
        trunk.within("ACK", accepted, edge.port, number)
        mine = bot if bot.seen("INVITE") else other
        await mine.until("ACK")
        mine.options = "503 Service Unavailable"
        await until(lambda: not edge.takes(mine.uri))
        trunk.within("BYE", accepted, edge.port, str(int(number) + 1))
        await mine.until("BYE")
        await until(lambda: any("BYE" in field(each, "cseq") for each in finals(trunk)))
        assert not (other if mine is bot else bot).seen("BYE")


async def established(trunk: RawTrunk, edge: Edge) -> str:
    """A call's 200, acknowledged."""
    accepted = await status_of(trunk, "INVITE", edge)
    trunk.within("ACK", accepted, edge.port, field(accepted, "cseq").split()[0])
    return accepted


async def test_calls_of_a_bot_that_died_are_ended_towards_the_trunk(
    trunk: RawTrunk, bot: RawBot, other: RawBot, tmp_path: Path
) -> None:
    """So that the PBX goes on with the caller. Those of a bot that is only full or stops go on, as do those of the others."""
    async with open_edge(tmp_path / "edge", [bot.uri, other.uri]) as edge:
        await until(lambda: edge.takes(bot.uri) and edge.takes(other.uri))
        calls = [await established(trunk, edge) for _ in range(2)]
        await bot.until("ACK")
        await other.until("ACK")
        bot.options = "503 Service Unavailable"
        await until(lambda: not edge.takes(bot.uri))
        other.options = other.invite = ""
        ended = await trunk.until("BYE", 60)
        assert field(ended, "call-id") in {field(call, "call-id") for call in calls}
        assert field(ended, "call-id") == field(other.seen("INVITE")[0], "call-id")
        await other.until("BYE")
        assert not bot.seen("BYE"), "its call goes on"


async def test_a_bot_that_was_only_slow_keeps_its_calls(trunk: RawTrunk, bot: RawBot, tmp_path: Path) -> None:
    """It answers again before it counts as gone."""
    async with open_edge(tmp_path / "edge", [bot.uri]) as edge:
        await until(lambda: edge.takes(bot.uri))
        await established(trunk, edge)
        bot.options = ""
        await until(lambda: not edge.takes(bot.uri))
        bot.options = "200 OK"
        await until(lambda: edge.takes(bot.uri))
        heard = len(bot.seen("OPTIONS"))
        await bot.until("OPTIONS", 60, count=heard + 6)  # asked every two seconds: longer than it would have had
        assert not trunk.seen("BYE")


async def test_a_bot_that_knows_nothing_of_a_call_loses_it(trunk: RawTrunk, bot: RawBot, tmp_path: Path) -> None:
    """Asked within the call it says 481."""
    async with open_edge(tmp_path / "edge", [bot.uri]) as edge:
        await established(trunk, edge)
        await bot.until("ACK")
        bot.within_call = "481 Call Does Not Exist"
        await trunk.until("BYE", 90)


async def test_a_caller_who_hangs_up_while_it_rings_is_gone(trunk: RawTrunk, bot: RawBot, other: RawBot, tmp_path: Path) -> None:
    """No other bot rings for a call that is over."""
    bot.invite = other.invite = "180 Ringing"
    async with open_edge(tmp_path / "edge", [bot.uri, other.uri]) as edge:
        request = trunk.ask("INVITE", edge.port)
        await trunk.until("SIP/2.0 180")
        trunk.cancel(request, edge.port)
        assert (await trunk.until("SIP/2.0 487")).startswith("SIP/2.0 487")
        assert len(bot.seen("CANCEL")) + len(other.seen("CANCEL")) == 1
        assert len(bot.seen("INVITE")) + len(other.seen("INVITE")) == 1


async def test_a_made_up_call_leads_nowhere(trunk: RawTrunk, bot: RawBot, other: RawBot, tmp_path: Path) -> None:
    """A trunk that writes a tag and a Route itself would call whom it likes, from the bank's address."""
    async with open_edge(tmp_path / "edge", [bot.uri], trunks=[f"1 127.0.0.1 32 {trunk.port} north"]) as edge:
        await until(lambda: edge.takes(bot.uri))
        made_up = trunk.request(
            "INVITE", edge.port, f"Route: <sip:{HOST}:{edge.port};lr>", to=f"sip:+48700100100@{HOST}:{other.port}"
        )
        to = next(line for line in made_up.split("\r\n") if line.startswith("To:"))
        trunk.send(made_up.replace(to, f"{to};tag=mine"), edge.port)
        await trunk.until("SIP/2.0 481")
        assert not other.received
        accepted = await established(trunk, edge)
        trunk.within("BYE", accepted, edge.port, "99")
        await bot.until("BYE")


async def test_bots_call_queues_and_nobody_else(trunk: RawTrunk, bot: RawBot, other: RawBot, tmp_path: Path) -> None:
    """A bridged call by way of the edge; another host would be called at the bank's cost."""
    lists = ["1 127.0.0.9 32 0 north", f"3 127.0.0.1 32 {other.port} pbx"]
    async with open_edge(tmp_path / "edge", [trunk.uri], trunks=lists) as edge:
        trunk.ask("INVITE", edge.port, to=f"sip:queue@{HOST}:{other.port}")
        await trunk.until("SIP/2.0 200")
        assert len(other.seen("INVITE")) == 1
        trunk.ask("INVITE", edge.port, to=f"sip:+48700100100@{HOST}:{bot.port}")
        await trunk.until("SIP/2.0 403")
        assert not bot.seen("INVITE")


async def test_a_trunk_with_session_timers_is_made_to_refresh(trunk: RawTrunk, bot: RawBot, tmp_path: Path) -> None:
    """RFC 4028: the bot knows no timers, so the edge asks the trunk to refresh."""
    async with open_edge(tmp_path / "edge", [bot.uri]) as edge:
        accepted = await status_of(trunk, "INVITE", edge, "Supported: timer", "Session-Expires: 600")
        assert field(accepted, "session-expires") == "600;refresher=uac"
        assert "timer" in field(accepted, "require")
        short = await status_of(trunk, "INVITE", edge, "Supported: timer", "Session-Expires: 30", "Min-SE: 30")
        assert short.startswith("SIP/2.0 422 ")
        assert field(short, "min-se") == "90"
        without = await status_of(trunk, "INVITE", edge)
        assert without.startswith("SIP/2.0 200 ")
        assert not field(without, "require")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the test's certificate")
async def test_a_trunk_speaks_tls(trunk: RawTrunk, bot: RawBot, tmp_path: Path) -> None:
    """1.2 and newer."""
    port = free_port(HOST)
    async with open_edge(tmp_path / "edge", [bot.uri], WITH_TLS="", EDGE_TLS=f"tls:{HOST}:{port}") as edge:
        await until(lambda: edge.takes(bot.uri))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(tmp_path / "edge" / "edge-certificate.pem")
        context.check_hostname = False
        async with asyncio.timeout(30):
            reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
            writer.write(trunk.request("OPTIONS", port).encode())
            assert (await reader.readline()).startswith(b"SIP/2.0 200 ")
            writer.close()
        old = ["openssl", "s_client", "-connect", f"{HOST}:{port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
        done = await asyncio.to_thread(subprocess.run, old, input=b"", capture_output=True, timeout=30, check=False)
        assert done.returncode != 0
        assert b"alert" in done.stderr


async def test_the_monitoring_reads_the_edges_figures(bot: RawBot, tmp_path: Path) -> None:
    """In the form of Prometheus."""
    async with open_edge(tmp_path / "edge", [bot.uri]) as edge:

        def read() -> str:
            with urllib.request.urlopen(f"http://{HOST}:{edge.metrics_port}/metrics", timeout=20) as told:
                return str(told.read().decode())

        assert "kamailio_dialog_active_dialogs 0" in await asyncio.to_thread(read)
