"""The embedded SIP endpoint: one stack, one account, and a leg for every call that a known peer sends.

The stack (baresip) lives once in a process, on a thread of its own; when it dies, only a new process can have another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from baresip import Account, BaresipError, Call, Event, Runtime, StackEvent, UserAgent

from caller_id.directory import CustomerDirectory
from caller_id.identify import identify
from caller_id.types import Caller
from voicebot.endpoints.endpoint import EndpointCounts, Serve
from voicebot.endpoints.errors import DialFailed, EndpointError
from voicebot.endpoints.leg import CallOffer, TransferTarget
from voicebot.endpoints.sip.codecs import Codec
from voicebot.endpoints.sip.dialling import Dialler
from voicebot.endpoints.sip.gate import PeerGate
from voicebot.endpoints.sip.key_packets import KeyPackets
from voicebot.endpoints.sip.leg import SipLeg
from voicebot.endpoints.sip.media_gate import MediaGate
from voicebot.endpoints.sip.media_sources import MediaSources, media_sources
from voicebot.endpoints.sip.orphans import OrphanedCalls
from voicebot.endpoints.sip.own_replies import OwnReplies
from voicebot.endpoints.sip.ports import free_port
from voicebot.endpoints.sip.provider.dns import Lookup, resolver_of
from voicebot.endpoints.sip.provider.stack_datagrams import StackDatagrams
from voicebot.endpoints.sip.refusal import refuse_for_good, refuse_for_now
from voicebot.endpoints.sip.request_listener import RequestListener
from voicebot.endpoints.sip.settings import APP_SESSION, SipSettings
from voicebot.endpoints.sip.stack import StackUnknown, run_on_stack, sleep_later
from voicebot.endpoints.sip.stack_log import PrintedLines, mask_stack_logs
from voicebot.endpoints.sip.trace import Invite, SipTrace, Tap
from voicebot.endpoints.sip.trunk_calls import follow_trunk
from voicebot.endpoints.sip.trunk_links import Link, TrunkLinks
from voicebot.endpoints.sip.trunk_rules import TrunkRules
from voicebot.endpoints.sip.trunks import Trunk, come_from, trunk_of
from voicebot.memory import give_back
from voicebot.tasks import ended

log = logging.getLogger(__name__)

_CLOSE_S = 5.0
_LOG_EVERY_S = 5.0
_SLEEP_LATER_S = 0.006  # 4 ms become 10: half a packet. Measured beside 4 and 8: least work, and the most even spacing of packets
_QUIET_S = 40.0  # the stack's transactions of the last call are over then (64*T1: RFC 3261, 17)
_UNSTOPPED: list[object] = []
"""What a stack that does not answer may call until the process ends."""


class SipEndpoint:
    """Answers for a SIP trunk; implements `voicebot.endpoints.endpoint.Endpoint`."""

    name = "sip"

    def __init__(self, settings: SipSettings, serve: Serve, *, directory: CustomerDirectory | None = None) -> None:
        """`serve` gets every call. `directory` gives hints about the caller's number."""
        self.settings = settings
        self.serve = serve
        self.died = asyncio.Event()
        self.unknown_stack = ""
        """Why this build of the stack cannot do all that it should; "" when it can."""
        self.taps: tuple[Tap, ...] = ()
        """Hear of every SIP message from the start on."""
        self.trunk_rules = TrunkRules(settings.all_trunks, self._is_own_call)
        self._links: TrunkLinks | None = None
        self._datagrams: StackDatagrams | None = None
        self._directory = directory
        self._port = settings.port
        self._runtime: Runtime | None = None
        self._sharing: list[tuple[Callable[[], int], Callable[[str, str], None]]] = []
        self._trace: SipTrace | None = None
        self._gate: PeerGate | None = None
        self._printed = PrintedLines()
        self._orphans: OrphanedCalls | None = None
        self._listener: RequestListener | None = None
        self._replies: OwnReplies | None = None
        self._media_gate: MediaGate | None = None
        self._key_packets: KeyPackets | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tidying: asyncio.TimerHandle | None = None
        self._dialler: Dialler | None = None
        self._queues: frozenset[str] = frozenset()
        self._legs: set[SipLeg] = set()
        self._no_legs = asyncio.Event()
        self._no_legs.set()
        self._draining = False
        self.overloaded: Callable[[], bool] = lambda: False
        """Asked before a call is taken, from any thread."""
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
            media_turned_away=self._media_gate.turned_away if self._media_gate is not None else 0,
            malformed=self._orphans.freed if self._orphans is not None else 0,
        )

    async def identify(self, offer: CallOffer) -> Caller:
        """Who calls, by the headers of the INVITE and the directory."""
        return await identify(offer.headers, offer.from_uri, offer.to_uri, offer.caller_id, directory=self._directory)

    @property
    def trace(self) -> SipTrace:
        """What is said on the wire. Raises EndpointError before the start."""
        if self._trace is None:
            raise EndpointError("the SIP stack has not started")
        return self._trace

    def why_unavailable(self, live: int = 0) -> str:
        """Why no call can be taken just now, when `live` are there at least; "" when one can. For any thread."""
        if self._shutting_down:
            return "the endpoint is closing"
        if self._draining:
            return "the endpoint takes no more calls"
        if self.overloaded():
            return "the load is too high"
        return "too many calls" if max(live, self._live) >= self.settings.max_calls else ""

    @property
    def codecs(self) -> Collection[Codec]:
        """Those we take."""
        return self.settings.codecs

    @property
    def encryption(self) -> str:
        """Of media: "none" where we have no SRTP."""
        return self.settings.media_encryption

    @property
    def full(self) -> bool:
        """Whether the stack has as many calls as it may, whoever they belong to."""
        return self._live >= self.settings.max_calls

    @property
    def _live(self) -> int:
        """Calls that came in, to whichever account of the stack."""
        return len(self._legs) + sum(live() for live, _ in self._sharing)

    async def share(
        self, account: Account, incoming: Callable[[Call], None], live: Callable[[], int], pressed: Callable[[str, str], None]
    ) -> None:
        """Another endpoint's account in this stack: its calls go to `incoming`, `live` counts them, `pressed` gets the Call-ID
        and the key of each press that the stack does not tell of. Raises EndpointError.
        """
        if self._runtime is None:
            raise EndpointError("the SIP stack has not started")
        try:
            agent = await _agent(self._runtime, account)
        except BaresipError as error:
            raise EndpointError(f"the SIP stack does not take the account {account.user}: {error}") from error
        agent.on_incoming(incoming)
        self._sharing.append((live, pressed))

    async def start(self) -> None:
        """Start the stack, close the gate, listen. Raises EndpointError."""
        self._port = self.settings.port or free_port(self.settings.host)
        self._loop = asyncio.get_running_loop()
        self._trace = SipTrace(self._loop)
        self._trace.taps = self.taps
        self._trace.attach()
        mask_stack_logs()
        try:
            self._printed.start()
        except OSError as error:
            log.warning("sip: what the stack prints stays on standard error: %s", error)
        runtime = Runtime()
        try:
            await runtime.start(self.settings.config(self._port))
            self._runtime = runtime
            runtime.on_dead = self._stack_died
            runtime.subscribe(self._on_stack_event)
            await run_on_stack(runtime, lambda: sleep_later(_SLEEP_LATER_S))
            self._orphans = OrphanedCalls()
            await run_on_stack(runtime, self._orphans.start)
            await self._listen(runtime)
            self._gate = PeerGate(self.settings.let_in_networks, (self._port, self._port + 1))
            self._gate.close_to_strangers()
            for account in self.settings.accounts():
                agent = await _agent(runtime, account)
                agent.on_incoming(self._incoming)
            diallers = {name: await _agent(runtime, each) for name, each in self.settings.dialling_accounts().items()}
            for agent in diallers.values():
                agent.on_incoming(self._incoming)  # whoever dials their user part reaches the same bot
            self._dialler = Dialler(runtime, diallers, self.settings, self._trace)
            self._dialler.allow(self._queues)
            await self._link(self._trace)
        except BaresipError as error:
            await self.close()
            raise EndpointError(f"the SIP stack did not start on {self.settings.host}:{self._port}: {error}") from error
        except EndpointError:
            await self.close()
            raise

    @property
    def links(self) -> Mapping[str, Link]:
        """Registrations and questions, by trunk."""
        return self._links.links if self._links is not None else {}

    async def _link(self, trace: SipTrace) -> None:
        """Register, and ask, where the trunks want it."""
        self._datagrams = StackDatagrams(self._port, trace)
        lookup = Lookup(resolver_of(self.settings.dns_servers))
        self._links = TrunkLinks(self._datagrams, self._port, self.settings.host, lookup=lookup)
        await self._links.use(self.settings.all_trunks)

    async def _relink(self, links: TrunkLinks, trunks: Mapping[str, Trunk]) -> None:
        await links.use(trunks)
        if self._gate is not None and trunks == self.settings.all_trunks:  # else another change is under way
            self._gate.let_in(self.settings.let_in_networks)

    async def _unlink(self) -> None:
        """Take registrations back: no more calls are wanted."""
        links, self._links = self._links, None
        if links is not None:
            await links.close()

    async def _listen(self, runtime: Runtime) -> None:
        """Put our listener in front. Without it the endpoint serves calls, but a full one reads as a busy customer."""
        listener = RequestListener(self, self.trace.take, self._refused_by_listener)
        gate = MediaGate(self._media_sources, lambda: listener.source[0])
        replies = OwnReplies(self.trace.watches_text)
        keys, loop = KeyPackets(lambda call, key: _tell(loop, self._key_came, call, key)), asyncio.get_running_loop()
        try:
            await run_on_stack(runtime, lambda: listener.start(self._port))
        except StackUnknown as error:
            self.unknown_stack = str(error)
            if any(trunk.digest is not None for trunk in self.settings.all_trunks.values()):
                raise EndpointError(f"sip: this build of the stack cannot ask trunks for a digest: {error}") from None
            log.error(
                "sip: this build of the stack is not known: a full endpoint answers 486, OPTIONS are always 200, and RTP is "
                "taken from anybody. Install the version that pyproject.toml names. It is %s",
                error,
            )
            return
        self._listener = listener
        await run_on_stack(runtime, replies.start)
        self._replies = replies
        await run_on_stack(runtime, gate.start)
        self._media_gate = gate
        await run_on_stack(runtime, keys.start)
        self._key_packets = keys

    def _key_came(self, call_ref: str, key: str) -> None:
        """A call's own packets tell of a key, and the stack does not."""
        for leg in self._all_legs():
            if leg.offer.call_ref == call_ref:
                leg.key_came(key)
        for _, pressed in self._sharing:
            pressed(call_ref, key)

    async def _unlisten(self, runtime: Runtime) -> None:
        """While the stack is still there."""
        gate, self._media_gate = self._media_gate, None
        listener, self._listener = self._listener, None
        replies, self._replies = self._replies, None
        keys, self._key_packets = self._key_packets, None
        for each in (keys, gate, listener, replies):
            if each is None:
                continue
            try:
                await run_on_stack(runtime, each.stop)
            except BaresipError:  # the stack is dead or stuck, and may call them still
                _UNSTOPPED.append(each)

    def _media_sources(self, sender: str) -> MediaSources:
        """STACK'S THREAD."""
        return media_sources(self.settings.all_trunks, sender)

    def let_in(self, settings: SipSettings) -> None:
        """The trunks of these settings from now on; calls under way go on."""
        names = ("trunks", "peers", "trusted", "verstat")
        self.settings = self.settings.model_copy(update={name: getattr(settings, name) for name in names})
        trunks = self.settings.all_trunks
        self.trunk_rules.use(trunks)
        networks = self.settings.let_in_networks
        if self._links is not None:
            # registrations that are taken back now still need their answers
            networks += tuple(network for name in self.links if name not in trunks for network in self.links[name].trunk.networks)
            self._run(self._relink(self._links, trunks), "sip-trunk-links")
        if self._gate is not None:
            self._gate.let_in(networks)
        if self._dialler is not None:
            self._dialler.settings = self.settings

    def let_dial(self, queues: Collection[TransferTarget]) -> None:
        """These queues can be called from now on, and nobody else."""
        self._queues = frozenset(self.settings.queue_uri(queue) for queue in queues)
        if self._dialler is not None:
            self._dialler.allow(self._queues)

    async def dial(self, uri: str, headers: Mapping[str, str], timeout_s: float, *, sample_rate: int = 8000) -> SipLeg:
        """Call a queue and wait for its answer; the leg is answered, with its media up. `sample_rate` (Hz) is that of the sound
        which it will be given: a codec that fits is offered first. Raises DialFailed.
        """
        if self._dialler is None or self._shutting_down:
            raise DialFailed("unreachable", why="the endpoint is closed")
        return await self._dialler.dial(uri, headers, timeout_s, wide=sample_rate > 8000, live=self._live)

    async def drain(self, timeout_s: float) -> bool:
        """Take no new calls (503 to INVITE and OPTIONS) and wait for the live ones; False when some are left after `timeout_s`.
        Queues can be called meanwhile: the stack's own draining would refuse that, and those who are left must go somewhere.
        """
        self._draining = True
        self._run(self._unlink(), "sip-unregister")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._no_legs.wait(), timeout_s)
        return not self._legs

    async def close(self) -> None:
        """End every call and stop the stack; harmless when closed."""
        self._shutting_down = True
        if self._tidying is not None:
            self._tidying.cancel()
        if legs := self._all_legs():
            await asyncio.wait({asyncio.create_task(leg.end("shutdown")) for leg in legs}, timeout=_CLOSE_S)
        await ended(self._tasks, _CLOSE_S)
        await self._unlink()
        if self._datagrams is not None:
            self._datagrams.close()
        if self._gate is not None:
            await self._gate.close()
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            await self._unlisten(runtime)
            with contextlib.suppress(BaresipError):
                await runtime.close()
        if self._orphans is not None:
            self._orphans.close()
            self._orphans = None
        self._printed.close()
        if self._trace is not None:
            self._trace.detach()

    def _incoming(self, call: Call) -> None:
        """A leg from the first moment on, so that it misses nothing that happens to the call."""
        if why := self.why_unavailable():
            self._refuse(call, why)  # the listener let it pass a moment ago
        else:
            leg = SipLeg(call, offer_of(call), self.settings, self.trace)
            self._legs.add(leg)
            self._no_legs.clear()
            self._run(self._serve(call, leg), f"sip-call-{call.handle}")

    def _refuse(self, call: Call, why: str) -> None:
        self._note_refusal(why)
        self._run(_quietly(refuse_for_now(call)), f"sip-refusal-{call.handle}")

    def _refused_by_listener(self, why: str) -> None:
        """STACK'S THREAD."""
        if self._loop is not None:
            _tell(self._loop, self._note_refusal, why)

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, call: Call, leg: SipLeg) -> None:
        """One call from offer to end. Whatever goes wrong in serving it, it does not stay behind."""
        try:
            invite = await self.trace.invite(leg.offer.call_ref)
            if self._is_uninvited(invite):
                self._note_refusal("this machine is no peer of the trunk")
                await _quietly(refuse_for_good(call))
                return
            leg.offer = self._traced(leg.offer, invite)
            await self._follow_trunk(leg)
            await self.serve(leg, self.identify)
        except Exception:
            log.exception("serving a call failed", extra={"call_ref": leg.offer.call_ref})
        finally:
            await leg.hang_up()
            self.trunk_rules.ended(leg.offer.call_ref)
            self._legs.discard(leg)
            if not self._legs:
                self._no_legs.set()
                self._tidy_later()

    def _tidy_later(self) -> None:
        """When it stays quiet, give back what calls have used."""
        if self._tidying is not None:
            self._tidying.cancel()
        self._tidying = asyncio.get_running_loop().call_later(_QUIET_S, self._tidy)

    def _tidy(self) -> None:
        if not self._live and not self._shutting_down:
            self._run(_give_back(), "sip-tidy")

    def _is_own_call(self, source: str, headers: Mapping[str, str]) -> bool:
        """Whether an INVITE is of the app's calls, which come from this machine to an account of their own."""
        settings = self.settings
        return settings.own_calls and APP_SESSION.lower() in headers and come_from(settings.own_network, [source])

    def _is_uninvited(self, invite: Invite) -> bool:
        """The gate lets this machine's own calls in for whoever shares the stack; they are a trunk's only where one is here."""
        settings = self.settings
        if not settings.own_calls or trunk_of(settings.all_trunks, invite.sources) is not None:
            return False
        return come_from(settings.own_network, invite.sources)

    def _traced(self, offer: CallOffer, invite: Invite) -> CallOffer:
        """The offer with the trunk that its INVITE came from, and with headers that stand several times whole: the stack tells
        only the first of each. An INVITE whose trunk cannot be told is nobody's.
        """
        trunks = self.settings.all_trunks
        sole = len(trunks) == 1 and not self.settings.own_calls  # the gate lets nobody else in
        name = next(iter(trunks)) if sole else trunk_of(trunks, invite.sources)
        if name is None:
            return offer
        trunk = trunks[name]
        return replace(
            offer,
            trunk=name,
            caller_id=trunk.caller_id,
            headers={**offer.headers, **invite.lists},
            takes_refer=trunk.handoff != "bridge",
            only_refer=trunk.handoff == "refer",
        )

    async def _follow_trunk(self, leg: SipLeg) -> None:
        name, runtime, call_ref = leg.offer.trunk, self._runtime, leg.offer.call_ref
        if name is not None and runtime is not None:
            trunk = self.settings.all_trunks[name]
            self.trunk_rules.began(call_ref, name)
            leg.follow(trunk)
            if trunk.external_address or trunk.rtp_stop_timeout_s:
                try:
                    await run_on_stack(runtime, lambda: follow_trunk(call_ref, trunk))
                except BaresipError as error:  # a call without it is better than none
                    log.warning("a call does not go by its trunk's address and silence: %s", error)

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
        for leg in self._all_legs():
            leg.stack_died()

    def _all_legs(self) -> list[SipLeg]:
        """Those of callers, and those to queues."""
        return [*self._legs, *(self._dialler.legs if self._dialler is not None else ())]


async def _give_back() -> None:
    await asyncio.to_thread(give_back)


def _tell(loop: asyncio.AbstractEventLoop, listener: Callable[..., None], *what: str) -> None:
    """STACK'S THREAD."""
    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(listener, *what)


async def _quietly(refusal: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(BaresipError):  # the caller has left
        await refusal


async def _agent(runtime: Runtime, account: Account) -> UserAgent:
    """Of whatever account: a REFER is refused, from callers and from agents, so that nobody has us call at the bank's cost."""
    return await UserAgent.create(runtime, account, transfer_policy="reject")


def offer_of(call: Call) -> CallOffer:
    """What the INVITE says."""
    headers = {name.lower(): value for name, value in call.headers.items()}
    return CallOffer(
        call_ref=call.call_id or str(call.handle),
        from_uri=call.peer or "",
        to_uri=headers.get("to", ""),
        headers=headers,
    )
