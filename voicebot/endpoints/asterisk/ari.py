"""The Asterisk REST Interface: requests over HTTP, events over one WebSocket."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from voicebot.endpoints.asterisk.settings import AriSettings
from voicebot.endpoints.errors import TelephonyError

_EVENT_OCTETS = 1024 * 1024
_OPEN_S = 5.0


class AriError(TelephonyError):
    """Asterisk did not do what it was asked to."""

    code = "telephony.ari"

    def __init__(self, status: int, why: str) -> None:
        """`status` is HTTP's; 0 when there was no answer."""
        super().__init__(why)
        self.status = status

    @property
    def gone(self) -> bool:
        """What was asked about is not there any more."""
        return self.status == httpx.codes.NOT_FOUND


@dataclass(frozen=True, slots=True)
class AriEvent:
    """One event, as far as we look; "" for what it does not say."""

    type: str
    channel: str = ""
    """The channel's id."""
    name: str = ""
    """The channel's name: its technology comes first (PJSIP/…)."""
    number: str = ""
    """The caller's."""
    exten: str = ""
    """The dialled extension."""
    digit: str = ""
    cause: str = ""
    replaced_by: str = ""


def parse_event(message: str | bytes) -> AriEvent | None:
    """None for what is no event."""
    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        return None
    channel = _part(said, "channel")
    return AriEvent(
        said["type"],
        channel=_word(channel, "id"),
        name=_word(channel, "name"),
        number=_word(_part(channel, "caller"), "number"),
        exten=_word(_part(channel, "dialplan"), "exten"),
        digit=_word(said, "digit"),
        cause=_word(said, "cause_txt"),
    )


def _part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = of.get(name)
    return value if isinstance(value, dict) else {}


def _word(of: Mapping[str, Any], name: str) -> str:
    value = of.get(name)
    return value[:1000] if isinstance(value, str) else ""


class AriClient:
    """One Asterisk's REST interface."""

    def __init__(self, settings: AriSettings) -> None:
        self.settings = settings
        password = settings.password.get_secret_value()
        self._http = httpx.AsyncClient(
            base_url=f"{settings.url.rstrip('/')}/", auth=(settings.user, password), timeout=settings.request_s, trust_env=False
        )
        token = base64.b64encode(f"{settings.user}:{password}".encode()).decode()
        self._authorization = {"Authorization": f"Basic {token}"}

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, method: str, *path: str, **params: str) -> Any:
        """The answer's JSON, None where it has none. `path` parts are quoted. Raises AriError."""
        url = "/".join(quote(part, safe="") for part in path)
        try:
            response = await self._http.request(method, url, params=params)
        except httpx.HTTPError as error:
            raise AriError(0, f"Asterisk did not answer {method} {path[0]}: {type(error).__name__}") from error
        if response.status_code >= 300:
            raise AriError(response.status_code, f"Asterisk refused {method} {path[0]} with {response.status_code}")
        try:
            return response.json() if response.content else None
        except ValueError as error:
            raise AriError(0, f"Asterisk's answer to {method} {path[0]} is no JSON") from error

    async def variable(self, channel: str, name: str) -> str:
        """The value of a channel variable or function; "" where there is none. Raises AriError when Asterisk does not answer."""
        try:
            answer = await self.ask("GET", "channels", channel, "variable", variable=name)
        except AriError as error:
            if error.status:
                return ""
            raise
        return _word(answer, "value") if isinstance(answer, dict) else ""

    async def channels(self, app: str) -> list[str]:
        """Ids of the channels that are in an application. Raises AriError."""
        answer = await self.ask("GET", "applications", app)
        held = answer.get("channel_ids") if isinstance(answer, dict) else None
        return [each for each in held if isinstance(each, str)] if isinstance(held, list) else []

    async def events(self) -> AsyncIterator[AriEvent | None]:
        """What happens, for as long as the connection lasts; first None, when it is open. Raises AriError in the end."""
        base = self.settings.url.replace("http", "ws", 1).rstrip("/")
        url = f"{base}/events?app={quote(self.settings.app)}&subscribeAll=false"
        try:
            async with connect(
                url,
                additional_headers=self._authorization,
                max_size=_EVENT_OCTETS,
                open_timeout=_OPEN_S,
                close_timeout=1,
                compression=None,
                proxy=None,
            ) as connection:
                yield None
                async for message in connection:
                    if (event := parse_event(message)) is not None:
                        yield event
        except (OSError, WebSocketException) as error:
            raise AriError(0, f"no connection to Asterisk's events: {_why(error)}") from error
        raise AriError(0, "Asterisk closed the connection for events: another client may use the same application")


def _why(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    match status:
        case 401:
            return "user or password is wrong (asterisk.ari.user and password; ari.conf)"
        case 403:
            return "the user may not write (read_only in ari.conf)"
        case 404:
            return "the address has no ARI (asterisk.ari.url; enabled and prefix in http.conf, enabled in ari.conf)"
    return str(error) or type(error).__name__
