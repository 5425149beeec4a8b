"""The Dockerfile and docker-compose.yml, as far as they can be checked without an engine."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from compose_spec import PyCompose
from ruamel.yaml import YAML

from voicebot.config.settings import ENV_DELIMITER, ENV_PREFIX, Settings
from voicebot.config.source import read_source
from voicebot.conversation.limits import LAST_WORDS_S

ROOT = Path(__file__).parents[3]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def interpolated(text: str) -> str:
    """As the engine does it: defaults, and a word for what must be given."""
    return VARIABLE.sub(lambda found: found[3] if found[2] == "-" else "given", text)


COMPOSE: dict[str, Any] = YAML(typ="safe").load(interpolated(COMPOSE_TEXT))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("bot-1", "bot-2", "web")
BOTS = OURS[:2]

IMAGE = re.compile(r"[a-z0-9]+([._/-][a-z0-9]+)*:v?[0-9][A-Za-z0-9_.-]+")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    text = re.sub(r"\\\n", " ", "\n".join(line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#")))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def test_the_compose_file_has_only_what_the_specification_knows() -> None:
    """A misspelt key would be passed over, or stop the deployment."""
    PyCompose.from_json(json.dumps(COMPOSE))
    for broken in ({"restrat": "always"}, {"mem_limit": "lots"}, {"healthcheck": {"retires": 3}}):
        wrong = copy.deepcopy(COMPOSE)
        wrong["services"]["state"].update(broken)
        with pytest.raises(ValueError, match=r"restrat|lots|retires"):
            PyCompose.from_json(json.dumps(wrong))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_watched_limited_and_restarted(name: str) -> None:
    """With the least it needs of the machine."""
    service = SERVICES[name]
    assert IMAGE.fullmatch(service["image"])
    assert service["restart"] == "unless-stopped"
    assert service["read_only"] is (name != "pbx")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "mem_limit", "pids_limit"} <= set(service)
    health = service["healthcheck"]
    assert health["test"][0] == "CMD"
    assert {"interval", "timeout", "retries"} <= set(health)


def test_services_files_and_volumes_that_are_named_exist() -> None:
    """Dependencies wait for health."""
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            assert "healthcheck" in SERVICES[needed]
            assert how == {"condition": "service_healthy"}
        if "build" in service:
            assert (ROOT / service["build"] / "Dockerfile").exists()
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            outside = source.startswith(("/", "./var/")) or service.get("profiles") == ["pbx"]
            assert outside or source in COMPOSE["volumes"] or (ROOT / source).exists(), source


def test_every_variable_is_explained_in_the_file_that_is_copied() -> None:
    told = (ROOT / "deploy" / "compose.env").read_text(encoding="utf-8")
    for name, _, _ in VARIABLE.findall(COMPOSE_TEXT):
        assert re.search(rf"^#?{name}=", told, re.M), name


def test_what_has_no_password_of_its_own_is_reachable_from_its_machine_only() -> None:
    """All use the host's network."""
    assert "--bind 127.0.0.1" in " ".join(SERVICES["state"]["command"])
    assert "listen_addresses=127.0.0.1" in SERVICES["database"]["command"]
    assert "--web.listen-address=127.0.0.1:9090" in SERVICES["prometheus"]["command"]
    assert SERVICES["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert "http_listen_address: 127.0.0.1" in (ROOT / "deploy" / "loki.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", OURS)
def test_variables_set_settings_that_exist(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the compose file and in the image."""
    loaded = settings_of(name, monkeypatch)
    assert loaded.state.redis_url is not None
    assert loaded.state.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert loaded.state.data_dir == Path("/var/lib/voicebot/data")
    assert loaded.web.enabled is (name == "web")
    assert loaded.sip_settings().rtp_ports == loaded.sip.rtp_ports, "they hold limits.max_calls"


def settings_of(name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    in_image = dict(re.findall(rf"({ENV_PREFIX}\w+)=(\S+)", DOCKERFILE))
    assert any(ENV_DELIMITER in each for each in in_image)
    for each, value in {**in_image, **SERVICES[name]["environment"]}.items():
        monkeypatch.setenv(each, value)
    monkeypatch.setenv("VOICEBOT_CONFIG", str(ROOT / "examples" / "voicebot.yml"))
    source = read_source(None)
    assert source.problems == ()
    return Settings(**source.values)


def test_the_edge_and_the_monitoring_know_the_bots(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the ports that are set here; no port is taken twice."""
    edge = (ROOT / "deploy" / "kamailio" / "bots.list").read_text(encoding="utf-8")
    watched = (ROOT / "deploy" / "prometheus.yml").read_text(encoding="utf-8")
    taken: set[int] = set()
    for name in BOTS:
        settings = settings_of(name, monkeypatch)
        assert f"1 sip:{settings.sip.host}:{settings.sip.port} " in edge
        assert f'"127.0.0.1:{settings.health.port}"' in watched
        ports = {settings.sip.port, settings.sip.port + 1, *range(settings.sip.rtp_ports[0], settings.sip.rtp_ports[1] + 1)}
        assert not ports & taken
        taken |= ports


@pytest.mark.parametrize("name", OURS)
def test_stopping_leaves_calls_the_time_to_end(name: str) -> None:
    """The engine's grace is longer than the service's own."""
    assert float(SERVICES[name]["stop_grace_period"].removesuffix("s")) > Settings().limits.drain_s + LAST_WORDS_S


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
        env={**os.environ, "POSTGRES_PASSWORD": "x", "GRAFANA_PASSWORD": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
