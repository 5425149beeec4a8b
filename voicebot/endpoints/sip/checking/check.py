"""All checks of one trunk, or of all, one after another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from voicebot.endpoints.sip.checking.far_end import ANSWER_S, FarEnd
from voicebot.endpoints.sip.checking.findings import Finding, Notes
from voicebot.endpoints.sip.checking.own_side import header_trust, own_side, registration
from voicebot.endpoints.sip.checking.places import Place, place_of, places_of
from voicebot.endpoints.sip.checking.running_service import RunningService
from voicebot.endpoints.sip.checking.trial_call import TrialCall
from voicebot.endpoints.sip.settings import SipSettings

Doing = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator asks for."""

    trunk: str | None = None
    """None: all."""
    address: str = ""
    """Of the far end, in place of what the settings tell."""
    to: str = ""
    """A number for the test call."""
    refer_to: str = ""
    keys: str = "***"
    timeout_s: float = ANSWER_S


async def check(settings: SipSettings, service: RunningService, wanted: Wanted, doing: Doing) -> AsyncIterator[Finding]:
    """Findings as they are made; `doing` is told what is tried next."""
    doing("our own side")
    async for finding in own_side(settings, service):
        yield finding
    trunks = settings.all_trunks
    chosen = [wanted.trunk] if wanted.trunk is not None else list(trunks)
    if not chosen:
        yield Notes("").failed(
            "trunks", "none is configured: nobody can call", "name one in sip.trunks, or its networks in sip.peers"
        )
    for name in chosen:
        yield header_trust(name, trunks[name])
        if (registered := await registration(name, trunks[name], service)) is not None:
            yield registered
        places = _asked_at(wanted.address) or places_of(trunks[name], settings)
        if not places:
            todo = f"its peers are whole networks: name the far end, voicebot sip check {name} --address sip:HOST:PORT"
            yield Notes(name).skipped("OPTIONS", "the settings do not tell where to ask", todo)
        for place in places:
            doing(f"{name}: asking {place}")
            async for finding in FarEnd(name, trunks[name], place, settings, wanted.timeout_s).checked():
                yield finding
    if wanted.to:
        doing(f"calling {wanted.to}")
        call = TrialCall(wanted.trunk or "", settings, wanted.to, keys=wanted.keys, refer_to=wanted.refer_to)
        async for finding in call.checked(service):
            yield finding
    else:
        yield Notes("").skipped(
            "test call", "media, keys and transfer are seen in a call only", "voicebot sip check --to sip:NUMBER@HOST"
        )


def _asked_at(address: str) -> list[Place]:
    place = place_of(address) if address else None
    return [place] if place is not None else []
