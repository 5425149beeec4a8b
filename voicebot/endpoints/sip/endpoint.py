"""The embedded SIP endpoint: one stack, one account, and a leg for every call that a known peer sends.

The stack (baresip) lives once in a process, on a thread of its own; when it dies, only a new process can have another.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from baresip import BaresipError, Call, Event, Runtime, StackEvent, UserAgent

from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.leg import CallOffer
from voicebot.endpoints.sip.gate import PeerGate
from voicebot.endpoints.sip.leg import SipLeg
from voicebot.endpoints.sip.ports import free_port
from voicebot.endpoints.sip.settings import SipSettings
from voicebot.endpoints.sip.stack_log import mask_stack_logs
from voicebot.endpoints.sip.trace import SipTrace

log = logging.getLogger(__name__)

_CLOSE_S = 5.0
_REFUSAL_LINE_S = 5.0
OnCall = Callable[[SipLeg], Awaitable[None] | None]


class SipEndpoint:
    """Answers for a SIP trunk. `on_call(leg)` is called, or run as a task, for every call; the leg is not answered yet.

    `died` is set when the stack died: the process must be replaced.
    """

    def __init__(self, settings: SipSettings, on_call: OnCall) -> None:
        self.settings = settings
        self.on_call = on_call
        self.died = asyncio.Event()
        self._port = settings.port
        self._runtime: Runtime | None = None
        self._trace: SipTrace | None = None
        self._gate: PeerGate | None = None
        self._legs: set[SipLeg] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._shutting_down = False
        self._refused = 0
        self._next_refusal_line = 0.0

    @property
    def address(self) -> tuple[str, int]:
        """Host and port we listen on (TLS: the port above)."""
        return self.settings.host, self._port

    @property
    def live_calls(self) -> int:
        """Calls that are not over."""
        return len(self._legs)

    @property
    def refused_calls(self) -> int:
        """Calls the stack refused so far: over the limit, while draining, or asking for what we cannot do."""
        return self._refused

    @property
    def strangers_turned_away(self) -> int:
        """Packets of peers outside the allow-list dropped so far."""
        return self._gate.turned_away if self._gate is not None else 0

    async def start(self) -> None:
        """Start the stack, close the gate, listen. Raises EndpointError."""
        self._port = self.settings.port or free_port(self.settings.host)
        self._trace = SipTrace(asyncio.get_running_loop())
        self._trace.attach()
        mask_stack_logs()
        runtime = Runtime()
        try:
            await runtime.start(self.settings.config(self._port))
            self._runtime = runtime
            runtime.on_dead = self._stack_died
            runtime.subscribe(self._on_stack_event)
            self._gate = PeerGate(self.settings.peer_networks, (self._port, self._port + 1))
            self._gate.close_to_strangers()
            for account in self.settings.accounts():
                agent = await UserAgent.create(runtime, account, transfer_policy="reject")
                agent.on_incoming(self._incoming)
        except BaresipError as error:
            await self.close()
            raise EndpointError(f"the SIP stack did not start on {self.settings.host}:{self._port}: {error}") from error
        except EndpointError:
            await self.close()
            raise

    async def drain(self, timeout_s: float) -> bool:
        """Take no new calls (they get 486) and wait for the live ones; False when some are left after `timeout_s`."""
        if self._runtime is None:
            return True
        try:
            await asyncio.wait_for(self._runtime.drain(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """End every call and stop the stack; harmless when closed."""
        self._shutting_down = True
        if self._legs:
            await asyncio.wait({asyncio.create_task(leg.end("shutdown")) for leg in self._legs}, timeout=_CLOSE_S)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_S)
        for task in self._tasks:
            task.cancel()
        if self._gate is not None:
            await self._gate.close()
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            with contextlib.suppress(BaresipError):
                await runtime.close()
        if self._trace is not None:
            self._trace.detach()

    def _incoming(self, call: Call) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(call), name=f"sip-call-{call.handle}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, call: Call) -> None:
        """One call from offer to end. Whatever goes wrong in serving it, it does not stay behind."""
        if self._trace is None or self._shutting_down:
            with contextlib.suppress(BaresipError):
                await call.reject()
            return
        leg = SipLeg(call, _offer(call), self.settings, self._trace)
        self._legs.add(leg)
        try:
            leg.offer = _offer(call, trusted=await self._trusts(call))
            result = self.on_call(leg)
            if inspect.isawaitable(result):
                await result
            else:
                await leg.ended.wait()
        except Exception:
            log.exception("serving a call failed", extra={"call_ref": leg.offer.call_ref})
        finally:
            self._legs.discard(leg)
            await leg.hang_up()

    async def _trusts(self, call: Call) -> bool:
        """Whether the INVITE came from a trusted network."""
        trusted = self.settings.trusted_networks
        if not trusted or self._trace is None:
            return False
        if set(self.settings.peer_networks) <= set(trusted):
            return True  # the gate lets nobody else in
        source = await self._trace.source_of(call.call_id or "")
        try:
            address = ip_address(source)
        except ValueError:
            return False
        return any(address in network for network in trusted)

    def _on_stack_event(self, event: StackEvent) -> None:
        """Count what the stack refuses by itself; a line in the log now and then."""
        if event.event is not Event.SIPSESS_FAILED:
            return
        self._refused += 1
        now = asyncio.get_running_loop().time()
        if now >= self._next_refusal_line:
            self._next_refusal_line = now + _REFUSAL_LINE_S
            log.warning("sip call refused: %s (%d so far)", event.text, self._refused)

    def _stack_died(self) -> None:
        log.critical("the SIP stack died; a new process is needed")
        self.died.set()
        for leg in self._legs:
            leg.stack_died()


def _offer(call: Call, *, trusted: bool = False) -> CallOffer:
    headers = {name.lower(): value for name, value in call.headers.items()}
    return CallOffer(
        call_ref=call.call_id or str(call.handle),
        from_uri=call.peer or "",
        to_uri=headers.get("to", ""),
        headers=headers,
        peer_trusted=trusted,
    )
