"""`voicebot serve` and `voicebot web` at the keyboard: what cannot work is told at once."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from voicebot.cli.main import app

CONFIG = """
sip: {{host: 127.0.0.1, port: {sip}, peers: [127.0.0.1/32]}}
web: {{port: {web}}}
health: {{port: {health}}}
console: {{port: {console}}}
state: {{data_dir: {folder}}}
"""


@pytest.mark.parametrize(("taken", "named"), [("sip", "sip.port"), ("web", "web.port"), ("health", "health.port")])
def test_a_taken_port_is_told_before_anything_that_takes_long(tmp_path: Path, taken: str, named: str) -> None:
    """Nothing has been trained, spoken or started by then."""
    config = tmp_path / "voicebot.yml"
    with socket.create_server(("127.0.0.1", 0)) as holder:
        ports = {"sip": 0, "web": 0, "console": 0, "health": 0} | {taken: holder.getsockname()[1]}
        config.write_text(CONFIG.format(folder=tmp_path / "data", **ports))
        result = CliRunner().invoke(app, ["serve", "--config", str(config)])
    assert result.exit_code != 0
    assert f"{named} to an address that is free" in " ".join(result.output.split())
    assert "classifier" not in result.output


def test_the_web_alone_needs_the_state_server_of_the_calls(tmp_path: Path) -> None:
    """And says which setting."""
    config = tmp_path / "voicebot.yml"
    config.write_text(f"state: {{data_dir: {tmp_path}}}\n")
    result = CliRunner().invoke(app, ["web", "--config", str(config)])
    assert result.exit_code != 0
    assert "state.redis_url" in result.output


def test_a_service_that_is_stopped_while_it_starts_stops(tmp_path: Path) -> None:
    """The first start takes minutes: whoever presses Ctrl-C then, or stops the unit, does not wait for its end."""
    config = tmp_path / "voicebot.yml"
    config.write_text(CONFIG.format(folder=tmp_path / "data", sip=0, web=0, console=0, health=0))
    program = "from voicebot.cli.main import app; app()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "serve", "--config", str(config)], stderr=subprocess.PIPE, text=True
    ) as service:
        assert service.stderr is not None
        for line in service.stderr:
            if "reading the bundle" in line:
                service.send_signal(signal.SIGHUP)  # a reload that comes too early waits
                service.send_signal(signal.SIGTERM)
                break
        rest = service.stderr.read()
    assert service.returncode == 0
    assert "stopped while it was starting" in rest
    assert "listening on" not in rest
