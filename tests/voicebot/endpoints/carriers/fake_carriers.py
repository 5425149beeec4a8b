"""Twilio, Telnyx and Genesys as their documentation has them: the stream's messages, marks and clears, and the REST interface."""

from __future__ import annotations

import asyncio
import audioop
import base64
import contextlib
import hashlib
import hmac
import json
from collections import deque
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.voicebot.endpoints.contract.far_end import SETTLE_S, Answer
from tests.voicebot.endpoints.looking import until
from voicebot.endpoints.carriers.endpoint import CarriersEndpoint
from voicebot.endpoints.carriers.leg import CarrierLeg
from voicebot.endpoints.carriers.settings import CarriersSettings, GenesysSettings, TelnyxSettings, TwilioSettings
from voicebot.endpoints.endpoint import Identify
from voicebot.endpoints.leg import Leg
from voicebot.http.server import HttpServer, listen, serve
from voicebot.tasks import cancelled

ACCOUNT, AUTH_TOKEN = "AC" + "0" * 32, "twilio-auth-token-1"
API_KEY, TELNYX_TOKEN, GENESYS_KEY = "telnyx-api-key-1234", "telnyx-stream-token", "genesys-api-key-12"
PUBLIC_URL = "wss://bot.bank.example/twilio"
FRAME_S = 0.02
LOUD = audioop.lin2ulaw(b"\x00\x40" * 160, 2)
DEADLINE_S = 10.0


class Bot:
    """Our endpoint, its calls waiting to be served, and the carriers' REST interface."""

    def __init__(self, **settings: Any) -> None:
        self.ringing: asyncio.Queue[CarrierLeg] = asyncio.Queue()
        self.asked: list[tuple[str, dict[str, str]]] = []
        """Paths and bodies of REST requests."""
        self.changed = asyncio.Event()
        self.slow_s = 0.0
        self.status = 200
        self._settings = settings
        self._http: HttpServer | None = None
        self.endpoint: CarriersEndpoint

    async def start(self) -> None:
        app = Starlette(routes=[Route("/{path:path}", self._rest, methods=["POST"])])
        self._http = await serve(app, listen("127.0.0.1", 0, setting="fake"))
        api = f"http://127.0.0.1:{self._http.port}"
        queues: dict[str, Any] = {"default": "sip:general@pbx", "addresses": {"cards": "sip:cards@pbx"}, "api": api}
        settings = CarriersSettings(
            port=0,
            twilio=TwilioSettings(account=ACCOUNT, auth_token=SecretStr(AUTH_TOKEN), public_url=PUBLIC_URL, **queues),
            telnyx=TelnyxSettings(api_key=SecretStr(API_KEY), token=SecretStr(TELNYX_TOKEN), **queues),
            genesys=GenesysSettings(api_key=SecretStr(GENESYS_KEY)),
            **self._settings,
        )
        self.endpoint = CarriersEndpoint(settings, self.serve, max_call_s=600)
        await self.endpoint.start()

    async def close(self) -> None:
        await self.endpoint.close()
        if self._http is not None:
            await self._http.close()

    async def serve(self, leg: Leg, identify: Identify) -> None:
        assert isinstance(leg, CarrierLeg)
        self.ringing.put_nowait(leg)
        await leg.ended.wait()

    async def _rest(self, request: Request) -> Response:
        body = await request.body()
        if request.headers["content-type"].startswith("application/json"):
            assert request.headers["authorization"] == f"Bearer {API_KEY}"
            told = json.loads(body)
        else:
            basic = base64.b64encode(f"{ACCOUNT}:{AUTH_TOKEN}".encode()).decode()
            assert request.headers["authorization"] == f"Basic {basic}"
            told = dict(parse_qsl(body.decode()))
        self.asked.append((request.url.path, told))
        await asyncio.sleep(self.slow_s)
        return JSONResponse({}, self.status)


class Stream:
    """A carrier's side of one stream. What it was sent is played in real time; marks come back when all before them was."""

    hold_words: tuple[str, str] | None = None

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.connection: ClientConnection | None = None
        self.said: list[dict[str, Any]] = []
        self.closed = asyncio.Event()
        self.speaking = False
        self.queue: deque[bytes | str] = deque()
        self.played = bytearray()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.bot.endpoint.port}"

    async def open(self) -> None:
        raise NotImplementedError

    async def leave(self) -> None:
        raise NotImplementedError

    async def press(self, key: str) -> None:
        raise NotImplementedError

    async def heard(self, message: dict[str, Any] | bytes) -> None:
        raise NotImplementedError

    async def speak(self) -> None:
        raise NotImplementedError

    async def send(self, message: dict[str, Any] | str | bytes) -> None:
        assert self.connection is not None
        await self.connection.send(json.dumps(message) if isinstance(message, dict) else message)

    async def connect(self, path: str, **headers: str) -> None:
        self.connection = await connect(self.url + path, additional_headers=headers, proxy=None)
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._time())]

    async def close(self) -> None:
        await cancelled(*self._tasks)
        if self.connection is not None:
            await self.connection.close()

    async def _read(self) -> None:
        assert self.connection is not None
        try:
            async for message in self.connection:
                if isinstance(message, str):
                    said = json.loads(message)
                    self.said.append(said)
                    await self.heard(said)
                else:
                    await self.heard(message)
        except ConnectionClosed:
            pass
        finally:
            self.closed.set()

    async def _time(self) -> None:
        loop = asyncio.get_running_loop()
        tick = loop.time()
        with contextlib.suppress(ConnectionClosed):
            while True:
                if self.speaking:
                    await self.speak()
                while self.queue:
                    entry = self.queue.popleft()
                    if isinstance(entry, bytes):
                        self.played += entry
                        break
                    await self.mark(entry)
                tick += FRAME_S
                await asyncio.sleep(max(0.0, tick - loop.time()))

    async def mark(self, name: str) -> None:
        raise NotImplementedError


class JsonStream(Stream):
    """What Twilio and Telnyx have in common."""

    async def heard(self, message: dict[str, Any] | bytes) -> None:
        assert isinstance(message, dict)
        match message["event"]:
            case "media":
                self.queue.append(base64.b64decode(message["media"]["payload"], validate=True))
            case "mark":
                self.queue.append(message["mark"]["name"])
            case "clear":  # marks of what is dropped come back at once
                marks = [each for each in self.queue if isinstance(each, str)]
                self.queue.clear()
                for name in marks:
                    await self.mark(name)

    async def leave(self) -> None:
        await self.send({**self.named, "event": "stop", "sequenceNumber": "9"})
        assert self.connection is not None
        await self.connection.close()

    @property
    def named(self) -> dict[str, str]:
        raise NotImplementedError

    async def speak(self) -> None:
        payload = base64.b64encode(LOUD).decode()
        await self.send({**self.named, "event": "media", "media": {"track": "inbound", "chunk": "1", "payload": payload}})

    async def press(self, key: str) -> None:
        await self.send({**self.named, "event": "dtmf", "dtmf": {"digit": key, "track": "inbound_track"}})

    async def mark(self, name: str) -> None:
        await self.send({**self.named, "event": "mark", "mark": {"name": name}})


class FakeTwilio(JsonStream):
    """<Connect><Stream>."""

    call = "CA1"

    @property
    def named(self) -> dict[str, str]:
        return {"streamSid": "MZ1"}

    async def open(self) -> None:
        signature = base64.b64encode(hmac.digest(AUTH_TOKEN.encode(), PUBLIC_URL.encode(), hashlib.sha1)).decode()
        await self.connect("/twilio", **{"X-Twilio-Signature": signature})
        await self.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        await self.send(
            {
                "event": "start",
                "sequenceNumber": "1",
                "streamSid": "MZ1",
                "start": {
                    "streamSid": "MZ1",
                    "accountSid": ACCOUNT,
                    "callSid": self.call,
                    "tracks": ["inbound"],
                    "customParameters": {"from": "+48600100200", "to": "+48221234567"},
                    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                },
            }
        )


class FakeTelnyx(JsonStream):
    """TeXML <Connect><Stream>, or streaming_start."""

    call = "v3:1"
    encoding = "PCMU"

    @property
    def named(self) -> dict[str, str]:
        return {"stream_id": "32de"}

    async def open(self) -> None:
        await self.connect(f"/telnyx?token={TELNYX_TOKEN}")
        await self.send({"event": "connected", "version": "1.0.0"})
        await self.send(
            {
                "event": "start",
                "sequence_number": "1",
                "stream_id": "32de",
                "start": {
                    "user_id": "u",
                    "call_control_id": self.call,
                    "call_session_id": "s1",
                    "from": "+48600100200",
                    "to": "+48221234567",
                    "media_format": {"encoding": self.encoding, "sample_rate": 8000, "channels": 1},
                },
            }
        )


class FakeGenesys(Stream):
    """AudioHook: JSON for control, binary µ-law for sound."""

    conversation = "c0ffee00-0000-4000-8000-000000000001"
    hold_words = ("paused", "resumed")

    def __init__(self, bot: Bot) -> None:
        super().__init__(bot)
        self.sequence = 0
        self.answers = True
        self.variables: dict[str, str] | None = None

    async def tell(self, kind: str, **parameters: Any) -> None:
        self.sequence += 1
        message = {"version": "2", "id": "s1", "type": kind, "seq": self.sequence, "serverseq": 0, "position": "PT1S"}
        await self.send({**message, "parameters": parameters})

    async def open(self) -> None:
        await self.connect("/genesys", **{"X-API-KEY": GENESYS_KEY})
        await self.tell(
            "open",
            organizationId="o",
            conversationId=self.conversation,
            participant={"id": "p", "ani": "tel:+48600100200", "aniName": "", "dnis": "tel:+48221234567"},
            media=[{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}],
            language="pl-PL",
        )
        await until(lambda: self.said)
        assert self.said[0]["type"] == "opened"

    async def heard(self, message: dict[str, Any] | bytes) -> None:
        if isinstance(message, bytes):
            self.queue.append(message)
            return
        match message["type"]:
            case "event":
                assert message["parameters"]["entities"][0]["type"] == "barge_in"
                self.queue.clear()
            case "disconnect":
                self.variables = message["parameters"]["outputVariables"]
                if self.answers:
                    await self.tell("close", reason="disconnect")
            case "closed":
                assert self.connection is not None
                await self.connection.close()

    async def speak(self) -> None:
        await self.send(LOUD)

    async def press(self, key: str) -> None:
        await self.tell("dtmf", digit=key)

    async def leave(self) -> None:
        await self.tell("close", reason="end")
        await asyncio.wait_for(self.closed.wait(), DEADLINE_S)


class CarrierFarEnd:
    """Implements `FarEnd`."""

    tells_sip_status = False

    def __init__(self, bot: Bot, stream: Stream) -> None:
        self.bot = bot
        self.stream = stream
        self._leg: Leg | None = None
        self._asked = 0

    async def dial(self) -> Leg:
        await self.stream.open()
        self._leg = await asyncio.wait_for(self.bot.ringing.get(), DEADLINE_S)
        return self._leg

    async def connected(self) -> None:
        self.stream.speaking = True

    async def press(self, key: str) -> None:
        await self.stream.press(key)

    async def hold(self) -> None:
        await self._hold(True)

    async def resume(self) -> None:
        await self._hold(False)

    async def _hold(self, held: bool) -> None:
        stream, leg = self.stream, self._leg
        if not isinstance(stream, FakeGenesys) or stream.hold_words is None:
            pytest.skip("this carrier tells of no hold")
        if held and leg is not None and leg.buffered():
            await until(lambda: stream.played)
        await stream.tell(stream.hold_words[0 if held else 1])
        await until(lambda: leg is not None and leg._held is held)  # type: ignore[attr-defined]

    async def renegotiate(self) -> None:
        leg = self._leg
        if leg is not None and not leg._held:  # type: ignore[attr-defined]
            await self.hold()
        await self.resume()

    async def answer_transfer(self, answer: Answer) -> None:
        if isinstance(self.stream, FakeGenesys):
            if answer in (Answer.TAKE_OVER, Answer.REFUSE, Answer.REFUSE_LATER):
                pytest.skip("Genesys closes the session, or does nothing")
            self.stream.answers = answer is Answer.COMPLETE
            await until(lambda: any(each["type"] == "disconnect" for each in self.stream.said))
        else:
            self.bot.status = 200 if answer in (Answer.COMPLETE, Answer.TAKE_OVER) else 400
            self.bot.slow_s = {Answer.REFUSE_LATER: SETTLE_S / 2, Answer.IGNORE: 2.0, Answer.LEAVE: 0.3}.get(answer, 0.0)
            await until(lambda: len(self.bot.asked) > self._asked)
            self._asked = len(self.bot.asked)
        if answer is Answer.LEAVE:
            await self.leave()
        elif answer is Answer.IGNORE:
            await asyncio.sleep(2.0)
        elif answer is Answer.COMPLETE and isinstance(self.stream, JsonStream):
            leg = self._leg
            await until(lambda: leg is not None and leg._handed_over)  # type: ignore[attr-defined]
            await self.leave()

    async def hung_up_on(self) -> None:
        await asyncio.wait_for(self.stream.closed.wait(), DEADLINE_S)

    async def leave(self) -> None:
        await self.stream.leave()
