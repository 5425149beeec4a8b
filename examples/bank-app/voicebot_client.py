"""The bank's side of voicebot's API: every request is signed with a key of its own (docs/click2call.md). To be copied."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

_LIFE_S, _WEBHOOK_AGE_S = 60, 300


class VoicebotRefused(Exception):
    """What was asked for is not given. `status` is HTTP's, `code` voicebot's own."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail


class VoicebotClient:
    """voicebot at `url`, asked in the name of two systems of the bank: the app's back end and the agents' desk."""

    def __init__(self, url: str, *, app_key: Mapping[str, Any], desk_key: Mapping[str, Any], api_token: str) -> None:
        """The keys are private JWKs with `kid`; the token is that of voicebot's API, which fetches hand-offs."""
        self.url = url
        self._keys = {"bank-app": ECKey.import_key(dict(app_key)), "desk": ECKey.import_key(dict(desk_key))}
        self._token = api_token
        self._http = httpx.AsyncClient(base_url=url, timeout=3.0, trust_env=False)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def ticket(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """A ticket for one call of a customer who is logged in. Raises VoicebotRefused, as all of these do."""
        return await self._signed("bank-app", "POST", "/api/click2call/tickets", order)

    async def calling(self, customer: str, language: str) -> dict[str, Any]:
        """Whether the bank is calling this customer now."""
        return await self._signed("bank-app", "GET", f"/api/customers/{customer}/calls/current?language={language}")

    async def show_advisor(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """An advisor calls a customer: the words to say."""
        return await self._signed("desk", "POST", "/api/advisor-proofs", order)

    async def advisor(self, proof: str) -> dict[str, Any]:
        """What the customer's app has said."""
        return await self._signed("desk", "GET", f"/api/advisor-proofs/{quote(proof, safe='')}")

    async def end_advisor(self, proof: str) -> None:
        """The advisor's call is over."""
        await self._signed("desk", "DELETE", f"/api/advisor-proofs/{quote(proof, safe='')}")

    async def hand_off(self, ref: str) -> dict[str, Any]:
        """All that is known of a call that was handed over."""
        return await self._ask("GET", f"/api/handoffs/{quote(ref, safe='')}", self._token)

    async def _signed(self, client: str, method: str, path: str, order: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return await self._ask(method, path, self._assertion(client), order)

    def _assertion(self, client: str) -> str:
        """private_key_jwt (RFC 7523): for this request alone."""
        key, now = self._keys[client], int(time.time())
        claims = {"iss": client, "sub": client, "aud": "voicebot", "iat": now, "exp": now + _LIFE_S, "jti": secrets.token_hex(16)}
        return jwt.encode({"alg": "ES256", "kid": str(key.kid)}, claims, key, algorithms=["ES256"])

    async def _ask(self, method: str, path: str, bearer: str, order: Mapping[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {bearer}"}
        try:
            answer = await self._http.request(method, path, json=order, headers=headers)
            body = answer.json() if answer.content else {}
        except (httpx.HTTPError, ValueError) as error:
            raise VoicebotRefused(503, "unavailable", "voicebot does not answer") from error
        if not answer.is_success:
            raise VoicebotRefused(answer.status_code, str(body.get("code", "refused")), str(body.get("detail", "")))
        return dict(body)


def is_from_voicebot(secret: str, header: str, body: bytes, now: float) -> bool:
    """Whether a webhook's `X-Voicebot-Signature` ("t=<unix seconds>,v1=<hex>") is good, and not old."""
    stamp, _, told = header.removeprefix("t=").partition(",v1=")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 15) or abs(now - int(stamp)) > _WEBHOOK_AGE_S:
        return False
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(digest.encode(), told.encode(errors="replace"))
