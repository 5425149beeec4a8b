"""The Kubernetes manifests: what the API server would take, and what a call needs of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from voicebot.config.check import check_config
from voicebot.config.loading import load_settings
from voicebot.config.settings import Settings
from voicebot.conversation.limits import LAST_WORDS_S

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
VERSIONS = ("1.31", "1.34", "1.37")
MANIFESTS: list[dict[str, Any]] = [
    manifest
    for name in ("namespace.yaml", "bots.yaml", "edge.yaml", "web.yaml")
    for manifest in YAML(typ="safe").load_all((FOLDER / name).read_text(encoding="utf-8"))
]
WORKLOADS = {each["metadata"]["name"]: each for each in MANIFESTS if "template" in each.get("spec", {})}
SETTINGS = load_settings(FOLDER / "voicebot.yml")


def named(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = WORKLOADS[name]["spec"]["template"]["spec"]
    return spec


def container(name: str) -> dict[str, Any]:
    (only,) = pod(name)["containers"]
    return dict(only)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", MANIFESTS, ids=named)
def test_the_api_server_would_take_it(manifest: dict[str, Any], version: str) -> None:
    """By Kubernetes' own schemas, with nothing that they do not know."""
    kubernetes_validate.validate(manifest, version, strict=True)


def test_the_check_finds_a_misspelt_key() -> None:
    wrong = {**MANIFESTS[0], "metdata": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pod_is_probed_limited_and_without_rights(name: str) -> None:
    it = container(name)
    assert {"livenessProbe", "readinessProbe"} <= set(it)
    assert it["resources"]["limits"]["memory"]
    assert it["resources"]["requests"]["cpu"]
    assert it["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(name)["securityContext"]["runAsNonRoot"] is True
    assert pod(name)["automountServiceAccountToken"] is False
    mounted = {mount["name"] for mount in it["volumeMounts"]}
    claimed = {claim["metadata"]["name"] for claim in WORKLOADS[name]["spec"].get("volumeClaimTemplates", ())}
    assert mounted == {volume["name"] for volume in pod(name)["volumes"]} | claimed


@pytest.mark.parametrize("name", ["bot", "edge"])
def test_sip_and_rtp_have_the_nodes_address(name: str) -> None:
    """Media through a service of the cluster would reach nobody."""
    assert pod(name)["hostNetwork"] is True
    assert pod(name)["nodeSelector"] == {"voicebot": name}
    assert "$(NODE_ADDRESS)" in str(container(name))


def test_a_bot_has_the_time_to_drain_before_it_is_killed() -> None:
    """preStop begins the drain and ends with it; the grace is longer than all that a call may still take."""
    grace = pod("bot")["terminationGracePeriodSeconds"]
    handoff = SETTINGS.handoff
    last = LAST_WORDS_S + handoff.transfer_timeout_s + SETTINGS.sip.transfer_settle_s + handoff.ring_s + handoff.drain_bridged_s
    assert grace > SETTINGS.limits.drain_s + last
    command = container("bot")["lifecycle"]["preStop"]["exec"]["command"]
    assert "signal.SIGTERM" in command[-1]
    (held,) = re.findall(r"sleep\((\d+)\)", command[-1])
    assert SETTINGS.limits.drain_s + last < int(held) < grace
    compile(command[-1], "preStop", "exec")
    assert pod("web")["terminationGracePeriodSeconds"] > SETTINGS.limits.drain_s + LAST_WORDS_S


def test_only_one_bot_is_missing_at_a_time() -> None:
    """When nodes are emptied, and when a new version comes."""
    budgets = {each["metadata"]["name"]: each["spec"] for each in MANIFESTS if each["kind"] == "PodDisruptionBudget"}
    assert budgets["bot"]["maxUnavailable"] == 1
    assert budgets["bot"]["selector"]["matchLabels"] == WORKLOADS["bot"]["spec"]["selector"]["matchLabels"]
    assert WORKLOADS["bot"]["spec"]["updateStrategy"] == {"type": "RollingUpdate"}


def test_the_configuration_and_the_secrets_are_settings_that_exist() -> None:
    assert [problem for problem in check_config(FOLDER / "voicebot.yml") if problem.fatal] == []
    port = container("bot")["readinessProbe"]["httpGet"]["port"]
    assert port == SETTINGS.health.port
    bots = (FOLDER / "bots.yaml").read_text(encoding="utf-8") + (FOLDER / "web.yaml").read_text(encoding="utf-8")
    for section, name in re.findall(r"VOICEBOT_([A-Z]+)__(\w+)", bots + (FOLDER / "secret.env").read_text(encoding="utf-8")):
        assert name.lower() in type(getattr(Settings(), section.lower())).model_fields, name


def test_kustomize_puts_it_together() -> None:
    """Where kubectl is installed; the names of the generated files are those that the pods mount."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl on this machine")
    done = subprocess.run([kubectl, "kustomize", str(FOLDER)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = list(YAML(typ="safe").load_all(done.stdout))
    maps = {each["metadata"]["name"] for each in built if each["kind"] == "ConfigMap"}
    for each in built:
        for volume in each.get("spec", {}).get("template", {}).get("spec", {}).get("volumes", ()):
            assert "configMap" not in volume or volume["configMap"]["name"] in maps
        kubernetes_validate.validate(each, VERSIONS[-1], strict=True)
