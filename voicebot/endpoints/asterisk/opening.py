"""Opens what the section `asterisk` asks for."""

from __future__ import annotations

from contextlib import AsyncExitStack

from caller_id.directory import CustomerDirectory
from voicebot.endpoints.asterisk.ari_endpoint import AriEndpoint
from voicebot.endpoints.asterisk.dialplan_endpoint import DialplanEndpoint
from voicebot.endpoints.asterisk.media_server import MediaServer
from voicebot.endpoints.asterisk.settings import AsteriskSettings
from voicebot.endpoints.endpoint import Endpoint, Serve


async def open_asterisk(
    settings: AsteriskSettings,
    serve: Serve,
    stack: AsyncExitStack,
    *,
    max_calls: int,
    max_call_s: float,
    directory: CustomerDirectory | None,
) -> tuple[Endpoint, ...]:
    """The endpoints, not started, over a media server that listens until the stack closes. Raises EndpointError."""
    if not settings.used:
        return ()
    server = MediaServer(settings.media)
    await server.start()
    stack.push_async_callback(server.close)
    found: list[Endpoint] = []
    if settings.ari is not None:
        found.append(AriEndpoint(settings, settings.ari, server, serve, max_call_s=max_call_s, directory=directory))
    if settings.dialplan is not None:
        found.append(
            DialplanEndpoint(
                settings, settings.dialplan, server, serve, max_calls=max_calls, max_call_s=max_call_s, directory=directory
            )
        )
    return tuple(found)
