"""What a trunk may send us, judged for each new INVITE before the stack takes it: its proof, its lines, its limits, its media.

Asked on the stack's thread, told of calls that begin and end on the loop's: every method bears both.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from voicebot.endpoints.sip.bodies import audio_offers, reordered
from voicebot.endpoints.sip.provider.digest import Challenger, Credentials, Proof
from voicebot.endpoints.sip.trace import header_values
from voicebot.endpoints.sip.trunks import Dtmf, Line, Srtp, Trunk, trunk_of

log = logging.getLogger(__name__)

_RETRY_AFTER_S = 5
_PENDING_S = 5.0
"""A call that was let in and has not begun by then never came to anything."""
_USER = re.compile(r"\S+ sips?:(?:(?P<user>[^@;?\s]*)@)?\S* SIP/2\.0")
_VIA = re.compile(r"SIP\s*/\s*2\.0\s*/\s*(\w+)")


Apart = Callable[[str, Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an INVITE is answered at once, and how."""

    status: int
    reason: str
    why: str = ""
    """For log and metrics; "" for a challenge, which is no refusal."""
    headers: bytes = b""


BUSY = b"Retry-After: %d\r\n" % _RETRY_AFTER_S


class TrunkRules:
    """The rules of all trunks, and who is within them."""

    def __init__(
        self, trunks: Mapping[str, Trunk], apart: Callable[[str, Mapping[str, str]], bool] = lambda _, __: False
    ) -> None:
        """`apart` tells by the sender and the headers which INVITEs are no trunk's, though they come from its address."""
        self._trunks = trunks
        self._apart = apart
        self._secrets = _secrets(trunks)
        self._challenger = Challenger()
        self._lock = threading.Lock()
        self._live: dict[str, str] = {}
        self._pending: dict[str, tuple[str, float]] = {}
        self._latest: dict[str, deque[float]] = {}
        self.refused: Counter[tuple[str, str]] = Counter()
        """By trunk and why."""

    def use(self, trunks: Mapping[str, Trunk]) -> None:
        """These trunks from now on; calls that live count on. Password files are read again."""
        self._secrets = _secrets(trunks)
        self._trunks = trunks

    def live(self) -> dict[str, int]:
        """Calls by trunk."""
        with self._lock:
            counted = Counter(self._live.values())
        return {name: counted[name] for name in self._trunks}

    def began(self, call_id: str, trunk: str) -> None:
        """A call of the trunk lives."""
        with self._lock:
            self._pending.pop(call_id, None)
            self._live[call_id] = trunk

    def ended(self, call_id: str) -> None:
        """It lives no more; harmless for one that never did."""
        with self._lock:
            self._live.pop(call_id, None)
            self._pending.pop(call_id, None)

    def is_full(self, source: str) -> bool:
        """Whether the trunk at this address has as many calls as it may."""
        name = trunk_of(self._trunks, [source])
        if name is None:
            return False
        with self._lock:
            return self._is_full(name, self._trunks[name], time.monotonic())

    def refusal(self, source: str, call_id: str, head: str, body: bytes) -> Refusal | None:
        """What a new INVITE from this IP address is answered with; None when it may come in."""
        trunks = self._trunks
        name = trunk_of(trunks, [source])
        if name is None:
            return None
        try:
            found = self._judge(name, trunks[name], source, call_id, head, body)
        except Exception:  # whoever cannot be judged has not proved anything
            log.exception("an INVITE of trunk %s cannot be judged", name)
            found = Refusal(503, "Service Unavailable", "failed", BUSY) if trunks[name].digest is not None else None
        if found is not None and found.why:
            self.refused[name, found.why] += 1
        return found

    def codec_order(self, source: str, body: bytes) -> tuple[int, bytes] | None:
        """See `bodies.reordered`, by what the trunk at this IP address may use."""
        trunk = self._trunk(source)
        if trunk is None or not (trunk.codecs or trunk.dtmf is Dtmf.INFO):
            return None
        return reordered(body, trunk.codecs, keys=trunk.dtmf is not Dtmf.INFO)

    def external_address(self, source: str) -> str | None:
        """Ours, as the trunk at this IP address sees it; None: as it is."""
        trunk = self._trunk(source)
        return trunk.external_address if trunk is not None else None

    def takes_info(self, source: str) -> bool:
        """Whether keys of the trunk at this IP address may come by INFO."""
        trunk = self._trunk(source)
        return trunk is None or trunk.dtmf is not Dtmf.RFC4733

    def _trunk(self, source: str) -> Trunk | None:
        trunks = self._trunks
        name = trunk_of(trunks, [source])
        return trunks[name] if name is not None else None

    def _judge(self, name: str, trunk: Trunk, source: str, call_id: str, head: str, body: bytes) -> Refusal | None:
        headers = header_values(head)
        if self._apart(source, headers):
            return None
        return (
            _wrong_transport(trunk, headers.get("via", ""))
            or self._unproved(name, trunk, head, headers.get("authorization", ""))
            or _wrong_line(trunk, head)
            or _wrong_media(trunk, body)
            or self._too_many(name, trunk, call_id)
        )

    def _unproved(self, name: str, trunk: Trunk, head: str, authorization: str) -> Refusal | None:
        digest = trunk.digest
        if digest is None:
            return None
        secret, now = self._secrets.get(name), time.time()
        if secret is None:
            return Refusal(503, "Service Unavailable", "password_file", BUSY)
        proof = Proof.BAD
        if authorization:
            mine = Credentials(digest.user, secret, digest.asked_realm)
            proof = self._challenger.judge(authorization, mine, "INVITE", digest.algorithms, now, digest.nonce_s)
            if proof is Proof.GOOD:
                return None
        stale = proof is Proof.STALE
        asked = self._challenger.challenges(digest.asked_realm, digest.algorithms, now, stale=stale)
        lines = "".join(f"WWW-Authenticate: {each}\r\n" for each in asked)
        return Refusal(401, "Unauthorized", "digest" if authorization and not stale else "", lines.encode())

    def _too_many(self, name: str, trunk: Trunk, call_id: str) -> Refusal | None:
        now = time.monotonic()
        with self._lock:
            if self._is_full(name, trunk, now):
                return Refusal(503, "Service Unavailable", "max_calls", BUSY)
            latest = self._latest.setdefault(name, deque())
            while latest and now - latest[0] >= 1.0:
                latest.popleft()
            if trunk.calls_per_second is not None and len(latest) >= trunk.calls_per_second:
                return Refusal(503, "Service Unavailable", "calls_per_second", BUSY)
            latest.append(now)
            self._pending[call_id] = name, now
        return None

    def _is_full(self, name: str, trunk: Trunk, now: float) -> bool:
        """With the lock held."""
        for call_id in [each for each, (_, since) in self._pending.items() if now - since > _PENDING_S]:
            del self._pending[call_id]
        if trunk.max_calls is None:
            return False
        pending = sum(of == name for of, _ in self._pending.values())
        return sum(of == name for of in self._live.values()) + pending >= trunk.max_calls


def _secrets(trunks: Mapping[str, Trunk]) -> dict[str, str]:
    """The passwords that INVITEs must prove, by trunk; without those that cannot be read."""
    found = {}
    for name, trunk in trunks.items():
        if trunk.digest is not None:
            try:
                found[name] = trunk.digest.secret()
            except (OSError, UnicodeDecodeError):
                continue
    return found


def _wrong_transport(trunk: Trunk, via: str) -> Refusal | None:
    found = _VIA.match(via.strip())
    if not trunk.transports or (found is not None and found[1].lower() in trunk.transports):
        return None
    return Refusal(403, "Forbidden", "transport")


def _wrong_line(trunk: Trunk, head: str) -> Refusal | None:
    found = _USER.match(head)
    dialled = (found["user"] or "") if found is not None else ""
    if not trunk.lines or any(_is_line(line, dialled) for line in trunk.lines):
        return None
    return Refusal(404, "Not Found", "line")


def _is_line(line: Line, dialled: str) -> bool:
    wanted, given = line.lstrip("+"), dialled.lstrip("+")
    return given.startswith(wanted[:-1]) if wanted.endswith("*") else given == wanted


def _wrong_media(trunk: Trunk, body: bytes) -> Refusal | None:
    offers = audio_offers(body) if body else []
    if trunk.codecs and body and not any(offer.codecs.intersection(trunk.codecs) for offer in offers):
        return Refusal(488, "Not Acceptable Here", "codecs")
    if trunk.srtp is Srtp.REQUIRED and not any(offer.encrypted for offer in offers):
        return Refusal(488, "Not Acceptable Here", "srtp")
    if trunk.srtp is Srtp.OFF and offers and all(offer.encrypted for offer in offers):
        return Refusal(488, "Not Acceptable Here", "srtp")
    return None
