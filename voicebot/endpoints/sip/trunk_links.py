"""Every trunk's registration and questions, kept while the endpoint runs; a reload changes those whose settings have changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address

from voicebot.endpoints.sip.provider.dns import Lookup
from voicebot.endpoints.sip.provider.messages import Place
from voicebot.endpoints.sip.provider.qualify import Qualify, Reach
from voicebot.endpoints.sip.provider.registration import Find, Pauses, Registered, Registration
from voicebot.endpoints.sip.provider.sending import Datagrams, NoReply, Pace, Sender, source_towards
from voicebot.endpoints.sip.trunks import Trunk

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Link:
    """What we keep up with one trunk."""

    trunk: Trunk
    registration: Registration | None
    qualify: Qualify | None

    @property
    def trouble(self) -> str | None:
        """What is wrong, in a few words; None when nothing is."""
        told = []
        if self.registration is not None and self.registration.state is not Registered.REGISTERED:
            told.append(f"not registered{f': {self.registration.why}' if self.registration.why else ''}")
        if self.qualify is not None and self.qualify.state in (Reach.DOWN, Reach.SLOW):
            told.append(f"{self.qualify.state.value}: {self.qualify.why}")
        return "; ".join(told) or None


class TrunkLinks:
    """The links of all trunks."""

    def __init__(
        self, datagrams: Datagrams, port: int, host: str, *, lookup: Lookup | None = None,
        pauses: Pauses | None = None, pace: Pace | None = None,
    ) -> None:  # fmt: skip
        """`host` and `port` are where the stack listens (TLS: one above)."""
        self._datagrams = datagrams
        self._pace = pace
        self._port = port
        self._host = host
        self._lookup = lookup or Lookup()
        self._pauses = pauses
        self._links: dict[str, Link] = {}
        self._changing = asyncio.Lock()

    @property
    def links(self) -> Mapping[str, Link]:
        """By the trunk's name; only those that have something to keep up."""
        return self._links

    async def use(self, trunks: Mapping[str, Trunk]) -> None:
        """These trunks from now on. One whose settings are the same as before goes on undisturbed."""
        async with self._changing:
            gone = [name for name, link in self._links.items() if trunks.get(name) != link.trunk]
            await asyncio.gather(*(self._end(self._links.pop(name)) for name in gone))
            for name, trunk in trunks.items():
                if name not in self._links and (trunk.registration is not None or trunk.qualify_s):
                    self._links[name] = self._begin(name, trunk)

    async def close(self) -> None:
        """End them all; registrations are taken back."""
        await self.use({})

    def _begin(self, name: str, trunk: Trunk) -> Link:
        registration = qualify = None
        here = partial(self._here, trunk.external_address)
        sender = Sender(self._datagrams, ca=trunk.tls_ca, pace=self._pace)
        route = [f"sip:{trunk.outbound_proxy};lr"] if trunk.outbound_proxy else []
        if trunk.registration is not None:
            find = self._find(trunk, trunk.outbound_proxy or trunk.registration.registrar, trunk.registration.transport)
            registration = Registration(
                name, trunk.registration, sender, find, here, route=route, pauses=self._pauses
            )  # fmt: skip
            registration.start()
        if trunk.qualify_s and trunk.asked_at is not None:
            find = self._find(trunk, trunk.outbound_proxy or trunk.asked_at, trunk.transport)
            qualify = Qualify(name, trunk.qualify_s, trunk.qualify_slow_ms, sender, find, here, route)
            qualify.start()
        return Link(trunk, registration, qualify)

    async def _end(self, link: Link) -> None:
        for each in (link.registration, link.qualify):
            if each is not None:
                await each.stop()

    def _find(self, trunk: Trunk, named: str, transport: str) -> Find:
        async def find() -> Sequence[Place]:
            places = await self._lookup.places(named, transport)
            known = [each for each in places if any(ip_address(each.host) in network for network in trunk.networks)]
            if not known:  # the gate would drop what it answers, and its calls
                raise NoReply(f"{named} is at {places[0].host}, which is not in the trunk's peers: add it there")
            return known

        return find

    def _here(self, external: str | None, to: Place) -> Place:
        """Our address, as `to` should see it."""
        host = external or (source_towards(to.host) if ip_address(self._host).is_unspecified else self._host)
        return Place(to.transport, host, self._port + (to.transport == "tls"))
