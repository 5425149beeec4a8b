"""`voicebot mail`: reads a mailbox by IMAP and gives each mail to the API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config


def mail(
    token_file: Annotated[Path, typer.Option(help="a file with a token of the scope messages")],
    api: Annotated[str, typer.Option(help="where the web process listens")] = "http://127.0.0.1:8080",
    config: Config = None,
) -> None:
    """Read the mailbox of mail.imap and give each mail to the API, until stopped. See docs/mail.md."""
    from voicebot.errors import ConfigError

    with told_plainly():
        token = token_file.read_bytes().decode("ascii", "replace").strip()
        if not (token.isascii() and token.isprintable()) or not token or " " in token:
            raise ConfigError(f"{token_file} holds no token; make one with: voicebot token add mailbox --scope messages")
        if not api.startswith(("http://", "https://")):
            raise ConfigError(f"--api {api}: write it like http://127.0.0.1:8080")
        asyncio.run(_mail(config, api, token))


async def _mail(config: Path | None, api: str, token: str) -> None:
    import httpx

    from voicebot.config.loading import load_settings
    from voicebot.errors import ConfigError
    from voicebot.logs import configure_logs
    from voicebot.mail.mailbox.adapter import MailboxAdapter
    from voicebot.mail.mailbox.imap import Mailbox

    settings = load_settings(config)
    configure_logs(level=settings.log.level, format=settings.log.format)
    imap = settings.mail.imap
    if imap is None:
        raise ConfigError("voicebot mail needs a mailbox: set mail.imap with host, user and password")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=api, headers=headers, timeout=30.0, trust_env=False) as client:
        Console(stderr=True).print(f"reading {imap.folder} at {imap.host}; stop with Ctrl-C")
        await MailboxAdapter(client, lambda: Mailbox(imap), look_every_s=imap.look_every_s).run()
