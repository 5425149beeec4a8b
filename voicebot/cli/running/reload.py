"""`voicebot reload`: bundle, training data, trunks and recordings of a running service, without a restart."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import httpx
import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config

_SHORTEST_WAIT_S = 0.2


def reload(
    config: Config = None, wait_s: float = typer.Option(300.0, "--wait", min=1, help="seconds to wait for the service")
) -> None:
    """Check everything, then let the running service take it: calls that begin from then on go by it."""
    from voicebot.config.loading import load_settings
    from voicebot.errors import ConfigError
    from voicebot.process import running_pid
    from voicebot.reloading import check

    console = Console(stderr=True)
    with told_plainly():
        settings = load_settings(config)
        pid = running_pid(settings.state.data_dir)
        if pid is None:
            raise ConfigError(
                f"no service runs with the data folder {settings.state.data_dir}. Name its configuration with --config, "
                "or start it: voicebot serve"
            )
        console.print("… checking the bundle and training what is new", style="dim")
        check(settings)
        client = httpx.Client(base_url=settings.health.url, trust_env=False)
        before = _running(client)
        os.kill(pid, signal.SIGHUP)
        console.print("… the service takes it", style="dim")
        after = _until_taken(client, before, wait_s)
    console.print(f"reloaded: bundle {after['bundle']}; calls under way keep what they began with")
    if after["needs_restart"]:
        console.print(f"these settings need a restart: {', '.join(after['needs_restart'])}", style="yellow")


def _running(client: httpx.Client) -> dict[str, Any]:
    from voicebot.errors import ConfigError

    try:
        told: dict[str, Any] = client.get("/health/running").json()
    except (httpx.HTTPError, ValueError) as error:
        raise ConfigError(
            f"the service does not answer on {client.base_url}: set health.host and health.port as it has them"
        ) from error
    return told


def _until_taken(client: httpx.Client, before: dict[str, Any], wait_s: float) -> dict[str, Any]:
    from voicebot.reloading import ReloadError

    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        time.sleep(_SHORTEST_WAIT_S)
        now = _running(client)
        if now["reloads"] != before["reloads"]:
            return now
        if now["problem"] and now["attempts"] != before["attempts"]:
            raise ReloadError(str(now["problem"]))
    raise ReloadError(f"the service has not taken it within {wait_s:.0f} s; see its log")
