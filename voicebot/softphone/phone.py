"""The softphone's SIP side: one stack for all calls, an identity per caller, and a queue that answers transferred calls."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import Self

from baresip import Account, BaresipError, Call, Config, Event, Runtime, StackEvent, UserAgent
from baresip._native import lib

from voicebot.endpoints.sip.codecs import CODEC_SPECS, MEDIA_DIRECTIVES
from voicebot.endpoints.sip.ports import free_port
from voicebot.hosts import uri_host
from voicebot.softphone.script import CallScript

log = logging.getLogger(__name__)

_QUEUE_TALK_S = 0.3
_PARAMS = ("video_codecs=none",)


@dataclass(frozen=True, slots=True)
class _Identity:
    """What makes two calls share a user agent."""

    number: str
    display: str
    domain: str
    codecs: tuple[str, ...]
    transport: str
    keys_by: str
    media_encryption: str

    @classmethod
    def of(cls, script: CallScript) -> Self:
        codecs = tuple(CODEC_SPECS[codec] for codec in script.codecs)
        return cls(
            script.number, script.display, script.domain, codecs, script.transport, script.keys_by, script.media_encryption
        )

    def address(self) -> str:
        """The account line, display name included: the From header is made of it."""
        params = _PARAMS if self.media_encryption == "none" else (*_PARAMS, f"mediaenc={self.media_encryption}")
        account = Account(
            user=self.number,
            domain=self.domain,
            password="",
            reg_interval=0,
            transport=self.transport,  # type: ignore[arg-type]
            audio_codecs=self.codecs,
            dtmf_mode=self.keys_by,  # type: ignore[arg-type]
            extra_params=params,
        )
        display = self.display.replace('"', "").replace("\\", "")
        return f'"{display}" {account.aor()}' if display else str(account.aor())


class Phone:
    """Places calls from `host`; an async context manager. Only one may live in a process."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        rtp_ports: tuple[int, int] = (40000, 49998),
        *,
        talk: Callable[[Call], Awaitable[None]] | None = None,
        ring_s: float = 0.0,
    ) -> None:
        """The queue rings for `ring_s`. `talk` is what it does with a call that it has answered, before it hangs up; None: it is
        silent for a moment.
        """
        ip_address(host)
        self._host = host
        self._talk = talk or _say_nothing
        self._ring_s = ring_s
        self._rtp_ports = rtp_ports
        self._port = 0
        self._runtime = Runtime()
        self._agents: dict[_Identity, UserAgent] = {}
        self._dialling: dict[int, list[StackEvent]] = {}
        self._pending = 0
        self._making = asyncio.Lock()
        self._queue_calls: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._port = free_port(self._host)
        directives = (
            f"sip_listen {uri_host(self._host)}:{self._port}",
            "sip_transports udp,tcp,tls",
            f"rtp_ports {self._rtp_ports[0]}-{self._rtp_ports[1]}",
            *MEDIA_DIRECTIVES,
        )
        logging.getLogger("baresip.call").setLevel(logging.WARNING)
        await self._runtime.start(
            Config(
                net_interface=self._host,
                max_concurrent_calls=None,
                native_log_level="error",
                extra_config_text="\n".join(directives),
            )
        )
        queue = Account(
            user="queue",
            domain=uri_host(self._host),
            password="",
            reg_interval=0,
            audio_codecs=tuple(CODEC_SPECS.values()),
            extra_params=(*_PARAMS, "catchall=yes"),
        )
        agent = await UserAgent.create(self._runtime, queue, transfer_policy="reject")
        agent.on_incoming(self._ring)
        self._runtime.subscribe(self._keep_early)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for task in self._queue_calls:
            task.cancel()
        with contextlib.suppress(BaresipError):
            await self._runtime.close()

    async def dial(self, script: CallScript) -> Call:
        """Send the INVITE. Raises BaresipError."""
        identity = _Identity.of(script)
        async with self._making:
            agent = self._agents.get(identity)
            if agent is None:
                agent = self._agents[identity] = await UserAgent.create(self._runtime, identity.address())
        self._pending += 1
        try:
            call = await agent.dial(script.target, headers=dict(script.headers))
            # the binding makes the Call object only when its task runs next: events that came before it have reached nobody
            for event in self._dialling.pop(call.handle, ()):
                call._on_stack_event(event)
        finally:
            self._pending -= 1
            if not self._pending:
                self._dialling.clear()
        return call

    def _keep_early(self, event: StackEvent) -> None:
        """Keep events of calls whose `dial` has not returned yet."""
        if self._pending and event.call and event.event is not Event.CALL_INCOMING:
            self._dialling.setdefault(event.call, []).append(event)

    async def put_through(self, call: Call, target: str) -> bool:
        """Accept a REFER by calling the target's user at our own queue; False when it cannot be dialled.

        The stack ties the two calls together: when the queue answers, the transferor gets 200 and `call` ends.
        """
        user = target.partition(":")[2].partition("@")[0]
        arguments = f"{call.handle} sip:{user}@{uri_host(self._host)}:{self._port}"
        try:
            _, payload = await self._runtime.cmd(lib.BP_CMD_CALL_TRANSFER_ACCEPT, args=arguments)
        except BaresipError as error:
            log.warning("put through: %s", error)
            return False
        return payload is not None and "handle" in json.loads(payload)

    def _ring(self, call: Call) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(call))
        self._queue_calls.add(task)
        task.add_done_callback(self._queue_calls.discard)

    @property
    def address(self) -> tuple[str, int]:
        """Where the queue is called."""
        return self._host, self._port

    async def _answer(self, call: Call) -> None:
        """The queue answers, talks, and hangs up."""
        with contextlib.suppress(BaresipError):
            await asyncio.sleep(self._ring_s)
            await call.answer()
            await call.wait_established()
            await self._talk(call)
            await call.hangup()


async def _say_nothing(_: Call) -> None:
    await asyncio.sleep(_QUEUE_TALK_S)
