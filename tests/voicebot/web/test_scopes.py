"""A token with scopes opens what they name, and nothing else."""

from __future__ import annotations

import httpx
import pytest

from tests.voicebot.web.serving import AUTH, NOON, Api, api
from voicebot.accounts.tokens import Scope, Tokens
from voicebot.web.app import build_app
from voicebot.web.bank_clients import OWN_PROOF
from voicebot.web.scopes import scope_of

__all__ = ["api"]

REF = "a-reference-of-ours-1"


def test_each_route_of_the_api_has_its_scope(api: Api) -> None:
    """The table is made from the routes: one that is added needs a line in `scopes.py`."""
    tried = 0
    for path, methods in build_app(api.parts).openapi()["paths"].items():
        if path.startswith(OWN_PROOF) or not path.startswith(("/api", "/metrics")):
            continue
        for method in methods:
            assert scope_of(method.upper(), path) is not None, f"{method} {path}"
            tried += 1
    assert tried >= 15


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", f"/api/handoffs/{REF}/events", Scope.EVENTS),
        ("POST", f"/api/handoffs/{REF}/verdict", Scope.HANDOFFS),
        ("GET", "/api/handoffs/a/b@pbx", Scope.HANDOFFS),
        ("GET", "/api/handoffs/events", Scope.HANDOFFS),
        ("POST", "/api/callbacks/cards/take", Scope.CALLBACKS),
        ("GET", f"/api/chats/{REF}", Scope.CHATS),  # the WebSocket, too
        ("HEAD", "/metrics", Scope.METRICS),
        ("GET", "/api/openapi.json", None),
        ("GET", "/api/unheard/of", None),
        ("POST", "/api/calls\n", None),
    ],
)
def test_scopes(method: str, path: str, scope: Scope | None) -> None:
    assert scope_of(method, path) is scope


async def test_a_token_opens_what_its_scopes_name(api: Api) -> None:
    engine = api.parts.outcomes._engine
    tokens = Tokens(engine)
    secret = tokens.add("contact-centre", [Scope.EVENTS], made_by="test")
    url = str(api.client.base_url)
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {secret}"}) as centre:
        told = {"what": "answered", "at": NOON.isoformat()}
        assert (await centre.post(f"/api/handoffs/{REF}/events", json=told)).status_code == 200
        refused = await centre.get("/api/calls")
        assert refused.status_code == 403
        assert "--scope calls" in refused.json()["detail"]
        assert 'scope="calls"' in refused.headers["www-authenticate"]
        assert (await centre.get("/api/openapi.json")).status_code == 403
        tokens.revoke("contact-centre")
        assert (await centre.post(f"/api/handoffs/{REF}/events", json=told)).status_code == 401
    async with httpx.AsyncClient(base_url=url, headers=AUTH) as all_scopes:
        assert (await all_scopes.get("/api/openapi.json")).status_code == 200


async def test_no_scope_opens_what_another_is_for(api: Api) -> None:
    """Every token by every route of the API."""
    tokens, url = Tokens(api.parts.outcomes._engine), str(api.client.base_url)
    secrets = {scope: tokens.add(f"only-{scope}", [scope], made_by="test") for scope in Scope}
    routes = [
        (method.upper(), path.replace("{", "x").replace("}", ""))
        for path, methods in build_app(api.parts).openapi()["paths"].items()
        if path.startswith(("/api", "/metrics")) and not path.startswith(OWN_PROOF)
        for method in methods
    ]
    async with httpx.AsyncClient(base_url=url) as client:
        for method, path in routes:
            for scope, secret in secrets.items():
                answer = await client.request(method, path, headers={"Authorization": f"Bearer {secret}"})
                assert (answer.status_code == 403) is (scope_of(method, path) is not scope), (method, path, scope)
