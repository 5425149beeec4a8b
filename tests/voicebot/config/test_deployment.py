"""The Dockerfile and docker-compose.yml, as far as they can be checked without an engine."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from voicebot.config.settings import ENV_DELIMITER, ENV_PREFIX, Settings
from voicebot.config.source import read_source

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")

# the keys of a service in the Compose specification that a plain deployment needs
SERVICE_KEYS = frozenset(
    "image build command entrypoint environment env_file ports expose volumes tmpfs networks network_mode restart depends_on "
    "healthcheck user read_only cap_drop cap_add security_opt stop_grace_period stop_signal ulimits profiles labels "
    "logging".split()
)
HEALTH_KEYS = frozenset("test interval timeout retries start_period start_interval".split())
DURATION = re.compile(r"(\d+(us|ms|s|m|h))+")
IMAGE = re.compile(r"[a-z0-9]+([._/-][a-z0-9]+)*:[A-Za-z0-9_.-]+")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    text = re.sub(r"\\\n", " ", "\n".join(line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#")))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def test_the_compose_file_has_only_what_the_specification_knows() -> None:
    """A misspelt key would be passed over, or stop the deployment."""
    assert set(COMPOSE) == {"name", "services", "volumes"}
    for service in COMPOSE["services"].values():
        assert set(service) <= SERVICE_KEYS
        assert "image" in service or "build" in service


@pytest.mark.parametrize("name", ["voicebot", "state"])
def test_every_service_is_pinned_watched_and_restarted(name: str) -> None:
    """With the least it needs of the machine."""
    service = COMPOSE["services"][name]
    assert IMAGE.fullmatch(service["image"])
    assert not service["image"].endswith(":latest")
    assert service["restart"] == "unless-stopped"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    health = service["healthcheck"]
    assert set(health) <= HEALTH_KEYS
    assert health["test"][0] == "CMD"
    assert all(DURATION.fullmatch(health[key]) for key in ("interval", "timeout"))


def test_services_and_volumes_that_are_named_exist() -> None:
    """Dependencies wait for health."""
    for service in COMPOSE["services"].values():
        for needed, how in service.get("depends_on", {}).items():
            assert "healthcheck" in COMPOSE["services"][needed]
            assert how == {"condition": "service_healthy"}
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).exists()


def test_the_state_server_is_reachable_from_its_machine_only() -> None:
    """It has no password."""
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["services"]["state"]["ports"])


def test_variables_set_settings_that_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the compose file and in the image."""
    in_image = dict(re.findall(rf"({ENV_PREFIX}\w+)=(\S+)", DOCKERFILE))
    in_compose = COMPOSE["services"]["voicebot"]["environment"]
    for variables in (in_image, in_compose):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("VOICEBOT_CONFIG", str(ROOT / "examples" / "voicebot.yml"))
    source = read_source(None)
    assert source.problems == ()
    loaded = Settings(**source.values)
    assert loaded.state.redis_url is not None
    assert loaded.state.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert loaded.state.data_dir == Path("/var/lib/voicebot/data")
    assert any(ENV_DELIMITER in name for name in in_image)


def test_stopping_leaves_calls_the_time_to_end() -> None:
    """The engine's grace is longer than the service's own."""
    assert float(COMPOSE["services"]["voicebot"]["stop_grace_period"].removesuffix("s")) > Settings().limits.drain_s


def test_the_image_installs_locked_wheels_only_and_runs_without_root() -> None:
    """Every wheel by its hash; the last user is not root."""
    told = instructions()
    bases = [rest for name, rest in told if name == "FROM"]
    assert all(base.startswith("python:3.11-slim") for base in bases)
    installs = [rest for name, rest in told if name == "RUN" and "pip install" in rest]
    assert installs
    assert all("--require-hashes" in rest or "--no-deps" in rest for rest in installs)
    assert [rest for name, rest in told if name == "USER"][-1] == "voicebot"
    assert any("espeak-ng" in rest for name, rest in told if name == "RUN")
    assert told[-1] == ("CMD", '["voicebot", "serve"]')


def test_the_image_copies_files_that_exist_and_every_package() -> None:
    """A package that is not copied is missing only when it runs."""
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    sources = {source for each in copied for source in each}
    assert {"audio", "caller_id", "dialogs", "nlu", "voicebot", "requirements.lock", "pyproject.toml"} <= sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_engine_itself_reads_the_compose_file() -> None:
    """Where there is one with the compose plug-in."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no docker compose on this machine")
    checked = subprocess.run(
        [docker, "compose", "-f", str(ROOT / "docker-compose.yml"), "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
