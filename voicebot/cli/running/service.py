"""`voicebot service`: the service on a machine with systemd."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicebot.cli.errors import told_plainly

app = typer.Typer(no_args_is_help=True, help="The service under systemd.")


@app.callback()
def _service() -> None:
    """The service under systemd."""


@app.command()
def install(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be done")] = False,
    root: Annotated[Path, typer.Option(help="put everything below this folder, for an image")] = Path("/"),
) -> None:
    """Make the user, the folders, the units and a first configuration. Run it again after an upgrade: it changes what is ours and
    nothing that you have edited.
    """
    from voicebot.systemd.install import Installer, next_steps, own_executable

    installer = Installer(own_executable(), ports=_ports(root), root=root, dry_run=dry_run)
    with told_plainly():
        try:
            installer.install()
        finally:
            for said in installer.said:
                print(said)
    if not dry_run:
        print("\nwhat is left to do:")
        for step in next_steps():
            print(f"  {step}")


def _ports(root: Path) -> tuple[int, ...]:
    """Where the installed configuration listens; of one that is missing, wrong or closed to us, where it does without."""
    from voicebot.config.loading import load_settings
    from voicebot.config.settings import Settings
    from voicebot.errors import ConfigError
    from voicebot.systemd.install import CONFIG

    path = root / CONFIG.relative_to("/")
    try:
        settings = load_settings(path) if path.exists() else Settings()
    except (ConfigError, OSError):  # `config check` explains the one, the installer the other
        settings = Settings()
    return (settings.sip.port, settings.web.port)
