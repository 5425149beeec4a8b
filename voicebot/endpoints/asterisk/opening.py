"""Opens what the section `asterisk` asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack

from caller_id.directory import CustomerDirectory
from voicebot.endpoints.asterisk.ari_endpoint import AriEndpoint
from voicebot.endpoints.asterisk.dialplan_endpoint import DialplanEndpoint
from voicebot.endpoints.asterisk.media_server import MediaServer
from voicebot.endpoints.asterisk.queues import QueueFigures, QueueWatch, queues_of
from voicebot.endpoints.asterisk.settings import AsteriskSettings
from voicebot.endpoints.endpoint import Endpoint, Serve
from voicebot.tasks import cancelled


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


def watch_queues(
    settings: AsteriskSettings,
    targets: Callable[[], Iterable[tuple[str, str]]],
    waits: Callable[[str, float], None],
    stack: AsyncExitStack,
) -> QueueWatch | None:
    """Tell `waits` how long each of the bundle's queues (`targets`: name and target) makes a caller wait, in seconds, until the
    stack closes. None where no manager interface is named.
    """
    ami = settings.ami
    if ami is None:
        return None

    def told(figures: QueueFigures) -> None:
        if figures.expected_s is not None:
            for queue in queues_of(figures, targets(), ami.queues):
                waits(queue, figures.expected_s)

    watch = QueueWatch(ami, told)
    task = asyncio.get_running_loop().create_task(watch.run(), name="asterisk-queues")
    stack.push_async_callback(cancelled, task)
    return watch
