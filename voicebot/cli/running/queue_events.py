"""`voicebot queue-events`: adapters that tell the API what became of hand-offs in a contact centre."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config

app = typer.Typer(no_args_is_help=True, help="Adapters that tell what became of hand-offs in a contact centre.")


@app.callback()
def _adapters() -> None:
    """Adapters that tell what became of hand-offs in a contact centre."""


@app.command()
def asterisk(
    token_file: Annotated[Path, typer.Option(help="a file with a token of the scope events")],
    log: Annotated[Path, typer.Option(help="Asterisk's queue_log")] = Path("/var/log/asterisk/queue_log"),
    api: Annotated[str, typer.Option(help="where the web process listens")] = "http://127.0.0.1:8080",
    place: Annotated[Path, typer.Option(help="keeps how far the log was read")] = Path("queue-events.json"),
    extension: Annotated[list[str] | None, typer.Option(help="600=cards: agents transfer to this queue by 600")] = None,
    config: Config = None,
) -> None:
    """Follow queue_log and tell the API until stopped. docs/outcomes.md has the line that the dialplan needs."""
    with told_plainly():
        token = token_file.read_text(encoding="utf-8").strip()
        asyncio.run(_asterisk(config, log, api, token, place, extension or []))


async def _asterisk(config: Path | None, log_file: Path, api: str, token: str, place: Path, extensions: list[str]) -> None:
    import httpx

    from dialogs.data.bundle import load_bundle
    from voicebot.config.loading import load_settings
    from voicebot.errors import ConfigError
    from voicebot.logs import configure_logs
    from voicebot.outcomes.asterisk.adapter import Adapter

    settings = load_settings(config)
    configure_logs(level=settings.log.level, format=settings.log.format)
    bundle = load_bundle(settings.bundle)
    queues = {name: name for name in bundle.queues}
    queues |= {queue.target: name for name, queue in bundle.queues.items() if queue.target}
    for each in extensions:
        dialled, _, queue = each.partition("=")
        if queue not in bundle.queues:
            raise ConfigError(f"--extension {each}: write EXTENSION=QUEUE with a queue of routes.yml, like 600=cards")
        queues[dialled] = queue
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=api, headers=headers, timeout=10.0, trust_env=False) as client:
        Console(stderr=True).print(f"following {log_file}; stop with Ctrl-C")
        await Adapter(client, log_file, place, queues, token.encode()).run()
