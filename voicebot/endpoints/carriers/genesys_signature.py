"""The signature of Genesys AudioHook's handshake: HTTP Message Signatures (RFC 9421) by HMAC-SHA256 under the client secret.

Genesys signs the request's target and authority, its own three ids and the API key (AudioHook, "Client Authentication"), with a
nonce and ten seconds of life. The order of the components is theirs, so the base is made in the order that they name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from websockets.datastructures import Headers

LIFE_S = 10
"""So old a signature may be (Genesys' own reference takes the same)."""
SKEW_S = 3
"""So far apart the two clocks may be."""
SHORTEST_NONCE = 22
"""Characters: 128 bits in base64."""
COVERED = frozenset(
    (
        "@request-target",
        "@authority",
        "audiohook-organization-id",
        "audiohook-session-id",
        "audiohook-correlation-id",
        "x-api-key",
    )
)
"""What must be signed."""
_KEY = r"[a-z*][a-z0-9_.*-]*"
_COMPONENT = r'"[@a-z0-9-]+"'
_PARAMETER = rf';{_KEY}=(?:"[^"\\]*"|[0-9]{{1,15}})'
_INPUT = re.compile(
    rf"(?P<label>{_KEY})="
    rf"(?P<signed>\((?P<components>{_COMPONENT}(?: {_COMPONENT})*)\)(?P<parameters>(?:{_PARAMETER})*))"
)
"""One signature (RFC 8941, a dictionary of one member)."""
_SIGNATURE = re.compile(rf"(?P<label>{_KEY})=:(?P<octets>[A-Za-z0-9+/]+={{0,2}}):")
_ALGORITHM = '"hmac-sha256"'


@dataclass(frozen=True, slots=True)
class _Signed:
    components: tuple[str, ...]
    parameters: Mapping[str, str]
    """As they stand: strings in quotes."""
    signed: str
    """The last line of the base."""
    octets: bytes


class GenesysSignatures:
    """Judges handshakes of one integration, and takes each nonce once."""

    def __init__(
        self, api_key: str, secret: bytes, *, authority: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """`secret` is the client secret, decoded. `authority` is the host (and port) of the URL that Genesys has; None: what the
        request's Host says. `clock` tells Unix seconds.
        """
        self._api_key = api_key
        self._secret = secret
        self._authority = authority
        self._clock = clock
        self._nonces: dict[str, float] = {}

    def fault(self, headers: Headers, target: str) -> str:
        """Why a request for `target` (path and query) is not Genesys'; "" for theirs, whose nonce is spent with that."""
        signed = _parsed(headers)
        if signed is None:
            return "its signature is missing or cannot be read"
        base = self._base(signed, headers, target)
        if base is None:
            return "its signature does not cover what it must"
        if not hmac.compare_digest(hmac.digest(self._secret, base, hashlib.sha256), signed.octets):
            return "its signature is wrong: look at client_secret, and whether a proxy changed Host or path"
        return self._stale(signed.parameters)

    def _base(self, signed: _Signed, headers: Headers, target: str) -> bytes | None:
        """What was signed (RFC 9421, 2.5); None when something is missing in it, or the key is another."""
        names = signed.components
        if len(set(names)) != len(names) or not COVERED.issubset(names) or signed.parameters.get("keyid") != f'"{self._api_key}"':
            return None
        derived = {"@request-target": target, "@authority": (self._authority or _only(headers, "host") or "").lower()}
        lines = []
        for name in names:
            value = derived.get(name) if name.startswith("@") else _only(headers, name)
            if value is None:
                return None
            lines.append(f'"{name}": {value.strip()}')
        return "\n".join([*lines, f'"@signature-params": {signed.signed}']).encode(errors="replace")

    def _stale(self, parameters: Mapping[str, str]) -> str:
        now, nonce = self._clock(), parameters.get("nonce", "").strip('"')
        created, expires = parameters.get("created", ""), parameters.get("expires", "")
        if parameters.get("alg", _ALGORITHM) != _ALGORITHM:
            return "its signature is made by another algorithm than hmac-sha256"
        if not created.isdecimal() or not expires.isdecimal() or len(nonce) < SHORTEST_NONCE:
            return "its signature has no created, expires or nonce"
        if int(created) > now + SKEW_S:
            return "its signature is of the future: compare the clocks"
        if now > min(int(created) + LIFE_S, int(expires)) + SKEW_S:
            return "its signature is too old: compare the clocks"
        self._nonces = {each: until for each, until in self._nonces.items() if until >= now}
        if nonce in self._nonces:
            return "its signature came before"
        self._nonces[nonce] = int(created) + LIFE_S + SKEW_S
        return ""


def decoded(secret: str) -> bytes:
    """A client secret as Genesys shows it. Raises ValueError when it is no base64."""
    try:
        return base64.b64decode(secret, validate=True)
    except binascii.Error:
        raise ValueError("client_secret is no base64: write it as Genesys shows it") from None


def _parsed(headers: Headers) -> _Signed | None:
    told = _INPUT.fullmatch((_only(headers, "signature-input") or "").strip())
    given = _SIGNATURE.fullmatch((_only(headers, "signature") or "").strip())
    if told is None or given is None or told["label"] != given["label"]:
        return None
    parameters = [each[1:].partition("=") for each in re.findall(_PARAMETER, told["parameters"])]
    if len({name for name, _, _ in parameters}) != len(parameters):
        return None
    try:
        octets = base64.b64decode(given["octets"], validate=True)
    except binascii.Error:
        return None
    components = tuple(each.strip('"') for each in told["components"].split(" "))
    return _Signed(components, {name: value for name, _, value in parameters}, told["signed"], octets)


def _only(headers: Headers, name: str) -> str | None:
    """What stands in a header that is there once."""
    values = headers.get_all(name)
    return values[0] if len(values) == 1 else None
