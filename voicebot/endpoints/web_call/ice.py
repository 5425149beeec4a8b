"""The STUN and TURN servers that an app is told of, with passwords that hold for one call.

A TURN server that shares a secret with us (coturn: `use-auth-secret`) takes any name `<expiry>:<call>` whose password is the
name's HMAC-SHA1 under it (draft-uberti-behave-turn-rest).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from voicebot.endpoints.web_call.settings import IceServer


def ice_servers(servers: Sequence[IceServer], *, call: str, now: float, for_s: float) -> list[dict[str, Any]]:
    """As `RTCPeerConnection` takes them. `now` is seconds since the epoch; passwords hold for `for_s` seconds."""
    return [_server(server, f"{int(now + for_s)}:{call}") for server in servers]


def _server(server: IceServer, username: str) -> dict[str, Any]:
    if server.secret is None:
        return {"urls": list(server.urls)}
    return {"urls": list(server.urls), "username": username, "credential": password(username, server.secret.get_secret_value())}


def password(username: str, secret: str) -> str:
    """What the TURN server will expect for the name."""
    # the draft and every server that follows it say SHA-1, under HMAC
    return base64.b64encode(hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()).decode()
