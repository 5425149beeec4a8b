"""HTTP digest as SIP uses it (RFC 3261, 22; RFC 7616; RFC 8760): MD5 and SHA-256, either side of it. No I/O."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import struct
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Algorithm = Literal["SHA-256", "MD5"]
ALGORITHMS: tuple[Algorithm, ...] = ("SHA-256", "MD5")
"""Those we know, the best first (RFC 8760, 2.4)."""
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_PARAMETER = re.compile(r'([A-Za-z][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_MOST_NONCES = 4096
_LONGEST = 4096


class DigestRefused(Exception):
    """Raised when a challenge cannot be answered; the text says why."""


def _hash(algorithm: str, text: str) -> str:
    return _HASHES[algorithm](text.encode()).hexdigest()  # nosec B324: MD5 is what RFC 3261 asks for


def parameters(text: str) -> dict[str, str] | None:
    """Of a Digest challenge, or of credentials: by lower-case names. None when it is another scheme, or too long."""
    scheme, _, rest = text.strip().partition(" ")
    if scheme.lower() != "digest" or len(rest) > _LONGEST:
        return None
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(rest):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted else plain)
    return found


def _algorithm(named: str) -> Algorithm | None:
    name = (named or "MD5").upper()
    return name if name in ("SHA-256", "MD5") else None  # type: ignore[return-value]  # it is one of them


def _response(algorithm: str, user: str, realm: str, password: str, method: str, given: Mapping[str, str]) -> str:
    """The `response` of credentials (RFC 7616, 3.4.1)."""
    secret = _hash(algorithm, f"{user}:{realm}:{password}")
    asked = _hash(algorithm, f"{method}:{given.get('uri', '')}")
    if not given.get("qop"):
        return _hash(algorithm, f"{secret}:{given.get('nonce', '')}:{asked}")  # RFC 2069
    middle = ":".join(given.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
    return _hash(algorithm, f"{secret}:{middle}:{asked}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Our name and password at somebody's."""

    user: str
    password: str = field(repr=False)
    realm: str | None = None
    """Only this realm is answered; None: any."""


def answer(challenges: Sequence[str], mine: Credentials, method: str, uri: str, count: int = 1) -> str:
    """The value of (Proxy-)Authorization for the best of the challenges (header values). `count` is how often its nonce has been
    used, this time too. Raises DigestRefused.
    """
    best, algorithm = _best(challenges, mine.realm)
    realm, nonce = best.get("realm", ""), best.get("nonce", "")
    given = {"uri": uri, "nonce": nonce}
    offered = [each.strip().lower() for each in best.get("qop", "").split(",") if each.strip()]
    if offered and "auth" not in offered:
        raise DigestRefused(f"the far end wants qop={best['qop']}, and only auth is known here")
    if offered:
        given |= {"qop": "auth", "nc": f"{count:08x}", "cnonce": secrets.token_hex(8)}
    response = _response(algorithm, mine.user, realm, mine.password, method, given)
    said = [f'username="{_quoted(mine.user)}"', f'realm="{_quoted(realm)}"', f'nonce="{_quoted(nonce)}"', f'uri="{uri}"']
    said += [f'response="{response}"', f"algorithm={algorithm}"]
    if offered:
        said += ["qop=auth", f"nc={given['nc']}", f'cnonce="{given["cnonce"]}"']
    if "opaque" in best:
        said.append(f'opaque="{_quoted(best["opaque"])}"')
    return "Digest " + ", ".join(said)


def is_stale(challenges: Sequence[str]) -> bool:
    """Whether the far end says that only our nonce was too old (RFC 7616, 3.3)."""
    return any((parameters(each) or {}).get("stale", "").lower() == "true" for each in challenges)


def _best(challenges: Sequence[str], realm: str | None) -> tuple[dict[str, str], Algorithm]:
    read = [found for each in challenges if (found := parameters(each)) is not None]
    of_realm = [each for each in read if realm is None or each.get("realm") == realm]
    if read and not of_realm:
        raise DigestRefused(f"the far end asks for realm {read[0].get('realm', '')!r}, not for {realm!r}")
    known = [(each, name) for each in of_realm if (name := _algorithm(each.get("algorithm", ""))) is not None]
    if not known:
        raise DigestRefused("the far end asks for no digest that is known here (MD5, SHA-256)")
    return min(known, key=lambda each: ALGORITHMS.index(each[1]))


def _quoted(text: str) -> str:
    return re.sub(r'["\\\r\n]', lambda found: f"\\{found[0]}" if found[0] in '"\\' else "", text)


class Proof(StrEnum):
    """What credentials are worth."""

    GOOD = "good"
    STALE = "stale"
    """Right, but for a challenge that is too old or was answered before: ask again, with stale=true."""
    BAD = "bad"


class Challenger:
    """Our challenges, and whether an answer fits one. A nonce holds its time and a MAC; only which counts of a nonce were used is
    kept. For one thread.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)
        self._used: OrderedDict[str, int] = OrderedDict()

    def challenges(self, realm: str, algorithms: Sequence[Algorithm], now: float, *, stale: bool = False) -> list[str]:
        """Values of WWW-Authenticate, the best first (RFC 8760, 2.4). `now` is the time of day in seconds."""
        end = ", stale=true" if stale else ""
        return [
            f'Digest realm="{_quoted(realm)}", nonce="{self._nonce(now)}", algorithm={each}, qop="auth"{end}'
            for each in algorithms
        ]

    def judge(
        self, header: str, mine: Credentials, method: str, algorithms: Sequence[Algorithm], now: float, lasts_s: float
    ) -> Proof:
        """What an Authorization header is worth. `mine.realm` is the realm that was asked for. Never raises."""
        given = parameters(header)
        if given is None or given.get("username") != mine.user or given.get("realm") != (mine.realm or ""):
            return Proof.BAD
        algorithm = _algorithm(given.get("algorithm", ""))
        if algorithm is None or algorithm not in algorithms or given.get("qop") != "auth":
            return Proof.BAD
        expected = _response(algorithm, mine.user, given["realm"], mine.password, method, given)
        if not hmac.compare_digest(expected.encode(), given.get("response", "").lower().encode()):
            return Proof.BAD
        nonce, count = given.get("nonce", ""), given.get("nc", "")
        made_at = self._made_at(nonce)
        if made_at is None or not 0 <= now - made_at <= lasts_s or not re.fullmatch(r"[0-9a-fA-F]{8}", count):
            return Proof.STALE
        if int(count, 16) <= self._used.get(nonce, 0):
            return Proof.STALE
        self._used[nonce] = int(count, 16)
        while len(self._used) > _MOST_NONCES:
            self._used.popitem(last=False)
        return Proof.GOOD

    def _nonce(self, now: float) -> str:
        body = struct.pack("!Q", int(now)) + secrets.token_bytes(6)
        return base64.urlsafe_b64encode(body + self._mac(body)).decode()

    def _made_at(self, nonce: str) -> int | None:
        """When we made it; None when we did not."""
        try:
            data = base64.urlsafe_b64decode(nonce.encode("ascii"))
        except (ValueError, UnicodeEncodeError):
            return None
        body, mac = data[:14], data[14:]
        if len(body) != 14 or not hmac.compare_digest(mac, self._mac(body)):
            return None
        return int(struct.unpack("!Q", body[:8])[0])

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:16]
