"""The embedded SIP endpoint: one stack, one account, and a leg for every call that a known peer sends.

The stack (baresip) lives once in a process, on a thread of its own; when it dies, only a new process can have another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from ipaddress import ip_address
from typing import Any

from baresip import Account, BaresipError, Call, Event, Runtime, StackEvent, UserAgent

from caller_id.directory import CustomerDirectory
from caller_id.identify import identify
from caller_id.types import Caller
from voicebot.endpoints.endpoint import EndpointCounts, Serve
from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.leg import CallOffer
from voicebot.endpoints.sip.gate import PeerGate
from voicebot.endpoints.sip.leg import SipLeg
from voicebot.endpoints.sip.orphans import OrphanedCalls
from voicebot.endpoints.sip.peers import Network
from voicebot.endpoints.sip.ports import free_port
from voicebot.endpoints.sip.settings import SipSettings
from voicebot.endpoints.sip.stack_log import mask_stack_logs
from voicebot.endpoints.sip.trace import SipTrace
from voicebot.tasks import ended

log = logging.getLogger(__name__)

_CLOSE_S = 5.0
_LOG_EVERY_S = 5.0


class SipEndpoint:
    """Answers for a SIP trunk; implements `voicebot.endpoints.endpoint.Endpoint`."""

    name = "sip"

    def __init__(
        self, settings: SipSettings, serve: Serve, *, directory: CustomerDirectory | None = None, attestation: bool = False
    ) -> None:
        """`serve` gets every call. `directory` gives hints about the caller's number; `attestation` as in `caller_id.headers`."""
        self.settings = settings
        self.serve = serve
        self.died = asyncio.Event()
        self._directory = directory
        self._attestation = attestation
        self._port = settings.port
        self._runtime: Runtime | None = None
        self._sharing: list[Callable[[], int]] = []
        self._trace: SipTrace | None = None
        self._gate: PeerGate | None = None
        self._orphans: OrphanedCalls | None = None
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
    def addresses(self) -> tuple[str, ...]:
        """Where we listen."""
        if self._runtime is None:
            return ()
        return (f"{self.settings.host}:{self._port} ({', '.join(self.settings.transports)})",)

    @property
    def healthy(self) -> bool:
        """Whether the stack is alive."""
        return self._runtime is not None and not self.died.is_set()

    @property
    def counts(self) -> EndpointCounts:
        """Calls and strangers, since the start."""
        return EndpointCounts(
            live=len(self._legs),
            refused=self._refused,
            turned_away=self._gate.turned_away if self._gate is not None else 0,
            malformed=self._orphans.freed if self._orphans is not None else 0,
        )

    async def identify(self, offer: CallOffer) -> Caller:
        """Who calls, by the headers of the INVITE and the directory."""
        return identify(
            offer.headers,
            offer.from_uri,
            offer.to_uri,
            peer_trusted=offer.peer_trusted,
            directory=self._directory,
            attestation=self._attestation,
        )

    @property
    def trace(self) -> SipTrace:
        """What is said on the wire. Raises EndpointError before the start."""
        if self._trace is None:
            raise EndpointError("the SIP stack has not started")
        return self._trace

    @property
    def full(self) -> bool:
        """Whether the stack has as many calls as it may, whoever they belong to."""
        return len(self._legs) + sum(live() for live in self._sharing) >= self.settings.max_calls

    async def share(self, account: Account, incoming: Callable[[Call], None], live: Callable[[], int]) -> None:
        """Another endpoint's account in this stack: its calls go to `incoming`, `live` counts them. Raises EndpointError."""
        if self._runtime is None:
            raise EndpointError("the SIP stack has not started")
        try:
            agent = await UserAgent.create(self._runtime, account, transfer_policy="reject")
        except BaresipError as error:
            raise EndpointError(f"the SIP stack does not take the account {account.user}: {error}") from error
        agent.on_incoming(incoming)
        self._sharing.append(live)

    async def is_own(self, call: Call) -> bool:
        """Whether the INVITE is known to have come from this machine itself."""
        return self._lies_in(await self._source(call), (self.settings.own_network,))

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
            self._orphans = OrphanedCalls()
            self._orphans.start()
            self._gate = PeerGate(self.settings.let_in_networks, (self._port, self._port + 1))
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

    def let_in(self, peers: Sequence[str], trusted: Sequence[str] | None) -> None:
        """Other networks from now on, as in the settings `peers` and `trusted`; calls under way go on."""
        self.settings = self.settings.model_copy(
            update={"peers": tuple(peers), "trusted": None if trusted is None else tuple(trusted)}
        )
        if self._gate is not None:
            self._gate.let_in(self.settings.let_in_networks)

    async def drain(self, timeout_s: float) -> bool:
        """Take no new calls (they get 486) and wait for the live ones; False when some are left after `timeout_s`."""
        if self._runtime is None:
            return True
        try:
            await asyncio.wait_for(self._runtime.drain(), timeout_s)
        except TimeoutError:
            return not self._legs
        except BaresipError as error:
            log.warning("draining: the SIP stack does not answer: %s", error)
            return not self._legs
        return True

    async def close(self) -> None:
        """End every call and stop the stack; harmless when closed."""
        self._shutting_down = True
        if self._legs:
            await asyncio.wait({asyncio.create_task(leg.end("shutdown")) for leg in self._legs}, timeout=_CLOSE_S)
        await ended(self._tasks, _CLOSE_S)
        if self._gate is not None:
            await self._gate.close()
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            with contextlib.suppress(BaresipError):
                await runtime.close()
        if self._orphans is not None:
            self._orphans.close()
            self._orphans = None
        if self._trace is not None:
            self._trace.detach()

    def _incoming(self, call: Call) -> None:
        """A leg from the first moment on, so that it misses nothing that happens to the call."""
        if self._trace is None or self._shutting_down:
            self._refuse(call, "the endpoint is closing")
        elif self.full:
            self._refuse(call, "too many calls")
        else:
            leg = SipLeg(call, offer_of(call), self.settings, self._trace)
            self._legs.add(leg)
            self._run(self._serve(call, leg), f"sip-call-{call.handle}")

    def _refuse(self, call: Call, why: str) -> None:
        self._note_refusal(why)
        self._run(_reject(call), f"sip-refusal-{call.handle}")

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, call: Call, leg: SipLeg) -> None:
        """One call from offer to end. Whatever goes wrong in serving it, it does not stay behind."""
        try:
            if await self._is_uninvited(call):
                self._note_refusal("this machine is no peer of the trunk")
                await _reject(call)
                return
            leg.offer = offer_of(call, trusted=await self._trusts(call))
            await self.serve(leg, self.identify)
        except Exception:
            log.exception("serving a call failed", extra={"call_ref": leg.offer.call_ref})
        finally:
            self._legs.discard(leg)
            await leg.hang_up()

    async def _is_uninvited(self, call: Call) -> bool:
        """The gate lets this machine's own calls in for whoever shares the stack; those are no calls of a trunk."""
        settings = self.settings
        if not settings.own_calls or self._lies_in(str(settings.own_network.network_address), settings.peer_networks):
            return False
        return await self.is_own(call)

    async def _trusts(self, call: Call) -> bool:
        """Whether the INVITE came from a trusted network."""
        trusted = self.settings.trusted_networks
        if not trusted or self._trace is None:
            return False
        if set(self.settings.let_in_networks) <= set(trusted):
            return True  # the gate lets nobody else in
        return self._lies_in(await self._source(call), trusted)

    async def _source(self, call: Call) -> str:
        """The address the INVITE came from; "" when nobody knows."""
        return "" if self._trace is None else await self._trace.source_of(call.call_id or "")

    @staticmethod
    def _lies_in(source: str, networks: Sequence[Network]) -> bool:
        try:
            address = ip_address(source)
        except ValueError:
            return False
        return any(address in network for network in networks)

    def _on_stack_event(self, event: StackEvent) -> None:
        """Count what the stack refuses by itself; a line in the log now and then."""
        if event.event is Event.SIPSESS_FAILED:
            self._note_refusal(event.text or "")

    def _note_refusal(self, why: str) -> None:
        self._refused += 1
        now = asyncio.get_running_loop().time()
        if now >= self._next_refusal_line:
            self._next_refusal_line = now + _LOG_EVERY_S
            log.warning("sip call refused: %s", why, extra={"count": self._refused})

    def _stack_died(self) -> None:
        log.critical("the SIP stack died; a new process is needed")
        self.died.set()
        for leg in self._legs:
            leg.stack_died()


async def _reject(call: Call) -> None:
    with contextlib.suppress(BaresipError):  # the caller has left
        await call.reject()


def offer_of(call: Call, *, trusted: bool = False) -> CallOffer:
    """What the INVITE says."""
    headers = {name.lower(): value for name, value in call.headers.items()}
    return CallOffer(
        call_ref=call.call_id or str(call.handle),
        from_uri=call.peer or "",
        to_uri=headers.get("to", ""),
        headers=headers,
        peer_trusted=trusted,
    )
