"""What calls from the app cost: service and web in this process, the apps (aiortc) in another, at this machine's own address.

The data directory is that of the other calls: a classifier and hundreds of prompts made anew would take minutes before the first
figure.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from audio.types import Recogniser
from bench.calls import DeafRecogniser, Figure
from bench.parts import doing
from caller_id.types import Segment
from voicebot.calls.server import CallServer
from voicebot.config.settings import Settings
from voicebot.errors import VoicebotError
from voicebot.identity.clients import Client
from voicebot.identity.tickets import Order
from voicebot.service import Service, open_service
from voicebot.softphone import CallReport, CallScript, HangUp, Pause, UntilSpeaking, run_script_process
from voicebot.web.process import child_settings
from voicebot.web.service import WebService, open_web

_CLIENT = Client("bench")
_A_TICKET_S = 90


class NoWebCall(VoicebotError):
    """No call of the app came about; the message says why. ICE, for one, leaves loopback out."""

    code = "bench.web_call"


async def measure_web_calls(say: Figure, folder: Path, *, quick: bool = False) -> None:
    """Offer to first audio, and how many calls a core carries."""
    settings = _settings(folder, _own_address())
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_service(settings, progress=doing))
        child = child_settings(settings, state_url=service.stores.url, health=service.health, sip=service.addresses)
        web = await stack.enter_async_context(open_web(child))
        deaf: dict[str, Recogniser] = {language: DeafRecogniser() for language in service.call_services.recognisers}
        service.endpoints[1].serve = CallServer(replace(service.call_services, recognisers=deaf)).serve  # type: ignore[attr-defined]
        await _first_audio(say, web, calls=10 if quick else 40)
        await _load(say, service, web, calls=8 if quick else 16, seconds=10 if quick else 20)


async def _first_audio(say: Figure, web: WebService, *, calls: int) -> None:
    reports = await _place(web, calls, (UntilSpeaking(0.0), HangUp()), together=1)
    took = sorted(_heard_after(report) * 1000 for report in reports if report.answered)
    if not took:
        raise NoWebCall(f"no call was answered: {reports[0].close_reason}")
    how = "the app sends its offer, to the bot's first sound at the app (aiortc), one call at a time"
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        say(f"web_offer_to_first_audio_ms_{name}", took[min(len(took) - 1, int(len(took) * share))], f"{how}; {len(took)} calls")


def _heard_after(report: CallReport) -> float:
    at = {moment.what: moment.at for moment in reversed(report.moments)}
    return at.get("bot_started", float("inf")) - at["offered"]


async def _load(say: Figure, service: Service, web: WebService, *, calls: int, seconds: float) -> None:
    """Every app sends sound all the time, as a browser does, and the bot speaks or listens; its recogniser is deaf."""
    placing = asyncio.create_task(_place(web, calls, (Pause(seconds + 8), HangUp())))
    await _until(lambda: placing.done() or service.endpoints[1].counts.live >= calls)
    await asyncio.sleep(3)
    cpu, wall, live = time.process_time(), time.monotonic(), service.endpoints[1].counts.live
    await asyncio.sleep(seconds)
    share = (time.process_time() - cpu) / (time.monotonic() - wall) / max(1, live)
    how = f"{live} calls at once, {seconds:g} s, Opus over DTLS-SRTP both ways, recogniser deaf"
    say("web_calls_per_core", 1 / share, f"{how}; CPU of calls and web {share * 100:.2f} % of a core a call")
    await placing


async def _until(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110 - a count of the endpoint, not an event
        await asyncio.sleep(0.1)


async def _place(web: WebService, calls: int, steps: tuple[object, ...], *, together: int | None = None) -> list[CallReport]:
    """Tickets live a minute or two: they are asked for in small parts."""
    reports: list[CallReport] = []
    size = 10 if together == 1 else calls
    for begin in range(0, calls, size):
        scripts = []
        for at in range(begin, min(calls, begin + size)):
            order = Order(f"c-{at}", Segment.MASS, "app-pin", datetime.now(UTC), language="en")
            token = (await web.identity.tickets.issue(_CLIENT, order)).token
            scripts.append(CallScript(f"http://{web.api[0]}:{web.api[1]}", steps, ticket=token))  # type: ignore[arg-type]
        reports += await run_script_process(scripts, together=together)
    return reports


def _own_address() -> str:
    """Raises NoWebCall."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # nothing is sent
        except OSError as error:
            raise NoWebCall("web calls need an address of this machine that is not loopback") from error
        return str(probe.getsockname()[0])


def _settings(folder: Path, address: str) -> Settings:
    return Settings.model_validate(
        {
            "sip": {"host": address, "port": 0, "peers": [], "transports": ["udp"], "rtp_ports": [24000, 25999]},
            "state": {"data_dir": str(folder)},
            "health": {"port": 0},
            "web": {"port": 0, "chat": {"enabled": False}},
            "handoff": {"address": f"sip:{{queue}}@{address}:5999"},
            "identity": {
                "tickets": {"life_s": _A_TICKET_S, "per_customer_minute": 1000},
                "web_calls": {"enabled": True, "per_address_minute": 10_000},
            },
        }
    )
