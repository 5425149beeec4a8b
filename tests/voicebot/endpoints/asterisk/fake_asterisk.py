"""Asterisk's side of ARI, `chan_websocket` and AudioSocket, in the order, sizes and times that 22.10.1 was seen to have.

A WebSocket channel queues 1000 frames at most, sends MEDIA_XOFF at 900 and MEDIA_XON at 800, plays one every 20 ms, and makes
silence by itself. FLUSH_MEDIA empties the queue and leaves it paused. A channel that a recording owns does nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from voicebot.http.server import HttpServer, listen, serve
from voicebot.http.settings import HttpLimits
from voicebot.tasks import cancelled

USER, PASSWORD = "voicebot", "ari-password-1234"
FRAME_S = 0.02
SLIN16_FRAME = 640
QUEUE_MOST, XOFF, XON = 1000, 900, 800
MANY = HttpLimits(max_connections=200, max_per_address=200)


class MediaChannel:
    """The channel driver's side of one call's sound, whatever carries it."""

    def __init__(self) -> None:
        self.keys: deque[str] = deque()
        self.played = bytearray()
        """What the caller heard, without the silence that Asterisk makes."""
        self.commands: list[str] = []
        self.sizes: set[int] = set()
        """Of the binary messages, or of the frames of sound, that came."""
        self.speaking = False
        self.closed = asyncio.Event()

    async def run(self) -> None:
        raise NotImplementedError

    async def press(self, key: str) -> None:
        raise NotImplementedError

    async def hang_up(self) -> None:
        raise NotImplementedError


class WebSocketChannel(MediaChannel):
    """chan_websocket as a client: c(slin16)f(json)."""

    def __init__(self, url: str, password: str, *, rate: str = "slin16", late_start: bool = False) -> None:
        super().__init__()
        self.url = url
        self.rate = rate
        self.late_start = late_start
        """MEDIA_START comes behind the first sound, as under load (#1712)."""
        token = base64.b64encode(f"voicebot:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}
        self.queue: deque[bytes | str] = deque()
        """Frames, and the names of marks between them."""
        self.paused = False
        self._xoff = False
        self._rest = b""
        self.connection: ClientConnection | None = None
        self.up = asyncio.Event()

    async def run(self) -> None:
        try:
            async with connect(
                self.url, subprotocols=[Subprotocol("media")], additional_headers=self._headers, compression=None, proxy=None
            ) as connection:
                self.connection = connection
                assert connection.subprotocol == "media"
                if not self.late_start:
                    await self._start()
                self.up.set()
                timing = asyncio.create_task(self._time(connection))
                try:
                    async for message in connection:
                        if isinstance(message, bytes):
                            await self._media(message)
                        else:
                            assert len(message) <= 128, "Asterisk takes no longer control message"
                            await self._command(json.loads(message))
                finally:
                    await cancelled(timing)
        except (ConnectionClosed, OSError):
            pass
        finally:
            self.closed.set()

    async def _start(self) -> None:
        await self.tell(
            "MEDIA_START",
            connection_id="voicebot",
            channel="WebSocket/voicebot/0x7f",
            format=self.rate,
            optimal_frame_size=SLIN16_FRAME,
            ptime=20,
        )

    async def tell(self, event: str, **more: Any) -> None:
        assert self.connection is not None
        await self.connection.send(json.dumps({"event": event, "channel_id": "media", **more}))

    async def _time(self, connection: ClientConnection) -> None:
        """The channel's timer: every 20 ms a frame each way."""
        loop = asyncio.get_running_loop()
        tick = loop.time()
        with contextlib.suppress(ConnectionClosed):
            while True:
                await connection.send((b"\x00\x40" if self.speaking else b"\0\0") * (SLIN16_FRAME // 2))
                if self.late_start:
                    self.late_start = False
                    await self._start()
                await self._play_one()
                tick += FRAME_S
                await asyncio.sleep(max(0.0, tick - loop.time()))

    async def _play_one(self) -> None:
        while not self.paused and self.queue:
            entry = self.queue.popleft()
            if isinstance(entry, bytes):
                self.played += entry
                break
            await self.tell("MEDIA_MARK_PROCESSED", correlation_id=entry)
        if self._xoff and len(self.queue) <= XON:
            self._xoff = False
            await self.tell("MEDIA_XON")

    async def _media(self, message: bytes) -> None:
        self.sizes.add(len(message))
        assert len(message) < 65_500
        octets = self._rest + message
        whole = len(octets) // SLIN16_FRAME * SLIN16_FRAME
        self._rest = octets[whole:]
        for at in range(0, whole, SLIN16_FRAME):
            if len(self.queue) < QUEUE_MOST:
                self.queue.append(octets[at : at + SLIN16_FRAME])
        if not self._xoff and len(self.queue) >= XOFF:
            self._xoff = True
            await self.tell("MEDIA_XOFF")

    async def _command(self, said: dict[str, str]) -> None:
        command = said["command"]
        self.commands.append(command)
        match command:
            case "MARK_MEDIA":
                self.queue.append(said["correlation_id"])
            case "FLUSH_MEDIA":
                self.queue.clear()  # and nothing else: what was paused stays so
                self._rest = b""
            case "PAUSE_MEDIA":
                self.paused = True
            case "CONTINUE_MEDIA":
                self.paused = False
            case "HANGUP":
                await self.hang_up()

    async def press(self, key: str) -> None:
        await self.tell("DTMF_END", digit=key)

    async def hang_up(self) -> None:
        if self.connection is not None:
            await self.connection.close()


class AudioSocketChannel(MediaChannel):
    """The AudioSocket client: it reads before it sends, one frame of ours for one of its own."""

    def __init__(self, host: str, port: int, name: str, *, kind: int = 0x10) -> None:
        super().__init__()
        self.address = host, port
        self.name = name
        self.kind = kind
        self.frame = {0x10: 320, 0x12: 640}[kind]
        self.gaps: list[float] = []
        self.hangup_told = False
        self._writer: asyncio.StreamWriter | None = None
        self.up = asyncio.Event()

    async def run(self) -> None:
        try:
            reader, self._writer = await asyncio.open_connection(*self.address)
            self._writer.write(self.named())
            self.up.set()
            timing: asyncio.Task[None] | None = None
            try:
                while True:
                    head = await reader.readexactly(3)
                    payload = await reader.readexactly(int.from_bytes(head[1:], "big"))
                    if head[0] == 0:
                        self.hangup_told = True
                        break
                    assert head[0] == self.kind
                    self.sizes.add(len(payload))
                    if any(payload):
                        self.played += payload
                    if timing is None:  # the peer that waits for our sound first hears nothing (asterisk#2089)
                        timing = asyncio.create_task(self._time())
            finally:
                await cancelled(timing)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            await self.hang_up()
            self.closed.set()

    def named(self) -> bytes:
        """The first frame: whose sound it is."""
        return b"\x01\x00\x10" + UUID(self.name).bytes

    async def _time(self) -> None:
        loop = asyncio.get_running_loop()
        tick = loop.time()
        while True:
            self.send(self.kind, (b"\x00\x40" if self.speaking else b"\0\0") * (self.frame // 2))
            tick += FRAME_S
            await asyncio.sleep(max(0.0, tick - loop.time()))

    def send(self, kind: int, payload: bytes) -> None:
        assert self._writer is not None
        self._writer.write(bytes([kind]) + len(payload).to_bytes(2, "big") + payload)

    async def press(self, key: str) -> None:
        self.send(3, key.encode())

    async def hang_up(self) -> None:
        if self._writer is not None:
            self._writer.close()


@dataclass
class Channel:
    """A caller's channel."""

    id: str
    number: str
    exten: str
    headers: dict[str, str]
    variables: dict[str, str] = field(default_factory=dict)
    state: str = "Ring"
    in_app: bool = True
    place: tuple[str, str] | None = None
    """Where it went on in the dialplan; ("", "") for the next priority: the default queue."""
    recorded: bool = False
    hung_up: bool = False
    bridge: str = ""


class FakeAsterisk:
    """One Asterisk: `call` places a call into the application, REST and events are as of 22.10.1."""

    def __init__(self, *, media_password: str, app: str = "voicebot") -> None:
        self.app = app
        self.media_password = media_password
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, set[str]] = {}
        self.media: dict[str, MediaChannel] = {}
        self.media_url = ""
        """Of websocket_client.conf; the query comes from v(…)."""
        self.extensions: set[str] = {"cards"}
        """Of the context steer-queues."""
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.connections = 0
        self.late_start = False
        self.slow: dict[str, float] = {}
        """Seconds that a request with this last part of its path waits for."""
        self.refuses: dict[str, int] = {}
        """The status by which such a request is refused."""
        self.left: dict[str, set[str]] = {}
        """Channels in applications of bots that died."""
        self.stays = False
        """A channel that is sent on leaves the application late: its StasisEnd does not come."""
        self.changed = asyncio.Event()
        self._sockets: list[WebSocket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: HttpServer | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/ari"

    async def start(self) -> None:
        app = Starlette(
            routes=[
                WebSocketRoute("/ari/events", self._events),
                Route("/ari/{path:path}", self._rest, methods=["GET", "POST", "DELETE"]),
            ]
        )
        listener = listen("127.0.0.1", self._port, setting="fake")
        self._server = await serve(app, listener, limits=MANY)
        self._port = self._server.port

    async def stop(self) -> None:
        """Asterisk goes away; its port stays its own."""
        for media in self.media.values():
            await media.hang_up()
        await self.drop_events()
        await cancelled(*self._tasks)
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    async def drop_events(self) -> None:
        sockets, self._sockets = self._sockets, []
        for socket in sockets:
            with contextlib.suppress(Exception):
                await socket.close()

    # events

    async def _events(self, socket: WebSocket) -> None:
        if not _authorised(socket.headers.get("authorization", "")):
            await socket.close()
            return
        assert socket.query_params["app"] == self.app
        await socket.accept()
        self.connections += 1
        self._sockets.append(socket)
        self._changed()
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await socket.receive_text()

    async def tell(self, event: dict[str, Any] | str) -> None:
        text = event if isinstance(event, str) else json.dumps({**event, "application": self.app, "asterisk_id": "x"})
        for socket in list(self._sockets):
            with contextlib.suppress(Exception):
                await socket.send_text(text)

    async def happens(self, kind: str, channel: Channel, **more: Any) -> None:
        await self.tell({"type": kind, "channel": _shown(channel), **more})

    async def call(self, number: str = "+48600100200", exten: str = "802", **headers: str) -> Channel:
        """An INVITE reached Stasis(voicebot)."""
        channel = Channel(f"17{len(self.channels):08}.{len(self.channels)}", number, exten, headers)
        self.channels[channel.id] = channel
        await self.happens("StasisStart", channel, args=[])
        return channel

    async def hang_up(self, channel: Channel) -> None:
        """The caller hangs up."""
        channel.hung_up = True
        await self.happens("ChannelHangupRequest", channel, cause=16)
        await self._leave(channel)
        del self.channels[channel.id]
        await self.happens("ChannelDestroyed", channel, cause=16, cause_txt="Normal Clearing")
        self._changed()

    async def press(self, channel: Channel, key: str) -> None:
        """Both the caller's channel and, through the bridge, the media's get the key."""
        await self.happens("ChannelDtmfReceived", channel, digit=key, duration_ms=100)
        for media in self.media_of(channel):
            await media.press(key)

    def media_of(self, channel: Channel) -> list[MediaChannel]:
        members = self.bridges.get(channel.bridge, set())
        return [media for name, media in self.media.items() if name in members]

    async def _leave(self, channel: Channel) -> None:
        if channel.in_app:
            channel.in_app = False
            for members in self.bridges.values():
                members.discard(channel.id)
            await self.happens("StasisEnd", channel)

    def _changed(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    # REST

    async def _rest(self, request: Request) -> Response:
        if not _authorised(request.headers.get("authorization", "")):
            return JSONResponse({"message": "Authentication required"}, 401)
        parts, query = request.path_params["path"].split("/"), dict(request.query_params)
        self.requests.append((request.method, "/".join(parts), query))
        self._changed()
        await asyncio.sleep(self.slow.get(parts[-1], 0.0))
        if parts[-1] in self.refuses:
            return JSONResponse({"message": "refused"}, self.refuses[parts[-1]])
        match (request.method, *parts):
            case ("GET", "applications", self.app):
                ids = [each.id for each in self.channels.values() if each.in_app] + list(self.media)
                return JSONResponse({"name": self.app, "channel_ids": ids})
            case ("GET", "applications", other) if other in self.left:
                return JSONResponse({"name": other, "channel_ids": [i for i in self.left[other] if self.channels[i].in_app]})
            case ("POST", "channels", "externalMedia"):
                return await self._external_media(query)
            case ("POST", "bridges"):
                self.bridges[query["bridgeId"]] = set()
                return JSONResponse({"id": query["bridgeId"], "bridge_type": "mixing"})
            case ("POST", "bridges", bridge, "addChannel"):
                return self._add(bridge, query["channel"].split(","))
            case ("DELETE", "bridges", bridge):
                return Response(status_code=204 if self.bridges.pop(bridge, None) is not None else 404)
            case ("DELETE", "channels", media) if media in self.media:
                await self.media.pop(media).hang_up()
                return Response(status_code=204)
            case (_, "channels", name, *rest):
                return await self._channel(request.method, self.channels.get(name), rest, query)
        return JSONResponse({"message": "Resource not found"}, 404)

    async def _channel(self, method: str, channel: Channel | None, rest: list[str], query: dict[str, str]) -> Response:
        if channel is None:
            return JSONResponse({"message": "Channel not found"}, 404)
        if channel.recorded:  # the recording owns it: later commands wait, and find nothing
            await asyncio.sleep(3.4)
            return JSONResponse({"message": "Channel not found"}, 404)
        match (method, *rest):
            case ("GET", "variable"):
                return self._variable(channel, query["variable"])
            case ("POST", "variable"):
                channel.variables[query["variable"]] = query["value"]
            case _ if not channel.in_app:
                return JSONResponse({"message": "Channel not in Stasis application"}, 409)
            case ("POST", "answer"):
                channel.state = "Up"
            case ("POST", "record"):
                channel.recorded = True
            case ("POST", "continue"):
                channel.place = (query.get("context", ""), query.get("extension", ""))
                if not self.stays:
                    await self._leave(channel)
            case ("DELETE",):
                self._run(self.hang_up(channel))
        self._changed()
        return Response(status_code=204)

    def _variable(self, channel: Channel, name: str) -> Response:
        function, _, argument = name.rstrip(")").partition("(")
        match function:
            case "PJSIP_HEADER":
                value = channel.headers.get(argument.removeprefix("read,").lower().replace("-", "_"))
            case "DIALPLAN_EXISTS":
                value = str(int(argument.split(",")[1] in self.extensions))
            case "CALLERID":
                value = channel.variables.get("pres", "allowed_not_screened")
            case _:
                value = channel.variables.get(name)
        if value is None:
            return JSONResponse({"message": "Provided variable was not found"}, 404)
        return JSONResponse({"value": value})

    def _add(self, bridge: str, names: list[str]) -> Response:
        known = {*self.channels, *self.media}
        if bridge not in self.bridges:
            return JSONResponse({"message": "Bridge not found"}, 404)
        if any(name not in known for name in names):
            return JSONResponse({"message": "Channel not found"}, 400)
        self.bridges[bridge].update(names)
        for name in names:
            if name in self.channels:
                self.channels[name].bridge = bridge
            elif name in self.media:
                self.media[name].speaking = True
        self._changed()
        return Response(status_code=204)

    async def _external_media(self, query: dict[str, str]) -> Response:
        name = query["channelId"]
        assert query["format"] == "slin16"
        media: MediaChannel
        if query["transport"] == "websocket":
            assert query["encapsulation"] == "none"
            options = query["transport_data"]
            assert options.startswith("f(json)v(")
            variables = dict(each.split("=") for each in options.removeprefix("f(json)v(").rstrip(")").split(","))
            url = f"{self.media_url}?{urlencode(variables)}"
            media = WebSocketChannel(url, self.media_password, late_start=self.late_start)
        else:
            assert (query["transport"], query["encapsulation"]) == ("tcp", "audiosocket")
            host, _, port = query["external_host"].rpartition(":")
            media = AudioSocketChannel(host, int(port), query["data"], kind=0x12)
        self.media[name] = media
        self._run(self._carry(name, media))
        return JSONResponse({"id": name, "name": f"WebSocket/voicebot/{name}"})

    async def _carry(self, name: str, media: MediaChannel) -> None:
        """The channel connects, enters the application, and lives as long as its connection."""
        carrying = asyncio.create_task(media.run())
        up = asyncio.create_task(media.up.wait())  # type: ignore[attr-defined]
        try:
            await asyncio.wait({carrying, up}, return_when=asyncio.FIRST_COMPLETED)
            if up.done():
                await self.tell({"type": "StasisStart", "args": [], "channel": {"id": name, "name": "WebSocket/voicebot"}})
            await carrying
        finally:
            await cancelled(carrying, up)
            self.media.pop(name, None)
            self._changed()

    def _run(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _authorised(header: str) -> bool:
    return header == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def _shown(channel: Channel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": f"PJSIP/trunk-{channel.id}",
        "state": channel.state,
        "caller": {"name": "", "number": channel.number},
        "dialplan": {"context": "from-trunk", "exten": channel.exten, "priority": 3, "app_name": "Stasis"},
    }
