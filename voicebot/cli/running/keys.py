"""`voicebot keys`: our own signing keys, rotated and revoked while the service runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config

if TYPE_CHECKING:
    from voicebot.identity.keys import SigningKeys

app = typer.Typer(no_args_is_help=True, help="The keys that tickets are signed with.")


@app.callback()
def _keys() -> None:
    """The keys that tickets are signed with."""
    from voicebot.files import keep_private

    keep_private()


@app.command()
def show(config: Config = None) -> None:
    """Print the public keys (JWKS), the one that signs first."""
    with told_plainly():
        print(json.dumps(_opened(config).public(), indent=1))


@app.command()
def rotate(
    algorithm: Annotated[Literal["Ed25519", "ES256"], typer.Option(help="of the new key")] = "Ed25519", config: Config = None
) -> None:
    """Sign with a new key from now on; the one before still counts, older ones no longer. A running service sees it by itself."""
    with told_plainly():
        print(f"signs now: {_opened(config).rotate(algorithm)}")


@app.command()
def revoke(
    kid: Annotated[str, typer.Argument(help="the key's name, as `voicebot keys show` prints it")], config: Config = None
) -> None:
    """Take a key out at once: tickets that it signed are refused from now on. The running service sees it by itself."""
    with told_plainly():
        keys = _opened(config)
        keys.revoke(kid)
        print(f"revoked: {kid}; signs now: {keys.signing.kid}")


def _opened(config: Path | None) -> SigningKeys:
    from voicebot.config.loading import load_settings
    from voicebot.identity.keys import SigningKeys

    return SigningKeys(load_settings(config).identity_keys_file)
