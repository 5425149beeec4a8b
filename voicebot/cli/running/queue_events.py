"""`voicebot queue-events`: adapters that tell the API what became of hand-offs in a contact centre."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config

if TYPE_CHECKING:
    from dialogs.data.bundle import Bundle

app = typer.Typer(no_args_is_help=True, help="Adapters that tell what became of hand-offs in a contact centre.")


@app.callback()
def _adapters() -> None:
    """Adapters that tell what became of hand-offs in a contact centre."""


TokenFile = Annotated[Path, typer.Option(help="a file with a token of the scope events")]
Api = Annotated[str, typer.Option(help="where the web process listens")]
Place = Annotated[Path, typer.Option(help="keeps how far the log was read")]
Extension = Annotated[list[str] | None, typer.Option(help="600=cards: agents transfer to this queue by 600")]


@app.command()
def asterisk(
    token_file: TokenFile,
    log: Annotated[Path, typer.Option(help="Asterisk's queue_log")] = Path("/var/log/asterisk/queue_log"),
    api: Api = "http://127.0.0.1:8080",
    place: Place = Path("queue-events.json"),
    extension: Extension = None,
    config: Config = None,
) -> None:
    """Follow queue_log and tell the API until stopped. docs/outcomes.md has the line that the dialplan needs."""
    with told_plainly():
        token = token_file.read_text(encoding="utf-8").strip()
        asyncio.run(_told(config, log, api, token, place, extension or [], listen=False))


@app.command()
def ami(
    token_file: TokenFile,
    log: Annotated[Path, typer.Option(help="keeps what was heard, 32 MB at most")] = Path("ami-events.log"),
    api: Api = "http://127.0.0.1:8080",
    place: Place = Path("ami-events.json"),
    extension: Extension = None,
    config: Config = None,
) -> None:
    """Listen to the manager interface (asterisk.ami) and tell the API until stopped. docs/outcomes.md has the rest."""
    with told_plainly():
        token = token_file.read_text(encoding="utf-8").strip()
        asyncio.run(_told(config, log, api, token, place, extension or [], listen=True))


async def _told(
    config: Path | None, log_file: Path, api: str, token: str, place: Path, extensions: list[str], *, listen: bool
) -> None:
    import httpx

    from dialogs.data.bundle import load_bundle
    from voicebot.config.loading import load_settings
    from voicebot.errors import ConfigError
    from voicebot.logs import configure_logs
    from voicebot.outcomes.asterisk import tail
    from voicebot.outcomes.asterisk.adapter import Adapter
    from voicebot.outcomes.asterisk.ami import EventLog, Listener

    settings = load_settings(config)
    configure_logs(level=settings.log.level, format=settings.log.format)
    manager = settings.asterisk.ami
    renamed = manager.queues if manager is not None else {}
    queues = queues_by_name(load_bundle(settings.bundle), renamed, extensions)
    if listen and manager is None:
        raise ConfigError("voicebot queue-events ami needs a manager interface: set asterisk.ami (host, user, password)")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=api, headers=headers, timeout=10.0, trust_env=False) as client:
        adapter = Adapter(client, log_file, place, queues, token.encode())
        if not listen or manager is None:
            begins = "from where it was" if tail.Place.kept(place).offset else "from its beginning"
            Console(stderr=True).print(f"following {log_file} {begins}; stop with Ctrl-C")
            await adapter.run()
            return
        listener = Listener(manager, queues, EventLog(log_file))
        Console(stderr=True).print(f"listening to {manager.host}:{manager.port}; stop with Ctrl-C")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listener.run())
            tasks.create_task(adapter.run())


def queues_by_name(bundle: Bundle, renamed: Mapping[str, str], extensions: Iterable[str]) -> dict[str, str]:
    """Our queues by what Asterisk calls them: their name, target, another name in queues.conf (`renamed`: its target), extension.

    Raises ConfigError.
    """
    from voicebot.errors import ConfigError

    queues = {name: name for name in bundle.queues}
    queues |= {queue.target: name for name, queue in bundle.queues.items() if queue.target}
    queues |= {name: queues[target] for name, target in renamed.items() if target in queues}
    for each in extensions:
        dialled, _, queue = each.partition("=")
        if queue not in bundle.queues:
            raise ConfigError(f"--extension {each}: write EXTENSION=QUEUE with a queue of routes.yml, like 600=cards")
        queues[dialled] = queue
    return queues
