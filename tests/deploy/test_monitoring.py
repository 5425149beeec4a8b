"""The dashboard and what collects for it: every metric and label exists, and the names of jobs are the same everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.voicebot.metrics.test_alerts import labels_of
from voicebot.log_fields import FIELDS

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/dashboards/voicebot.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SELECTOR = re.compile(r"\b(up|(?:voicebot|process|kamailio)_\w+)\{([^}]*)\}")


def load(name: str) -> Any:
    return YAML(typ="safe").load((DEPLOY / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_shows_metrics_and_labels_that_exist(panel: dict[str, Any]) -> None:
    """In what is asked for, in what is summed by, and in the legend."""
    for target in panel["targets"]:
        expr = target["expr"]
        if panel["type"] == "logs":
            assert expr.startswith('{job="voicebot"')
            continue
        selectors = SELECTOR.findall(expr)
        assert selectors
        left = SELECTOR.sub("", expr)
        assert not re.search(r"voicebot_|process_|kamailio_", left), "every metric names its job"
        ours = [(name, matchers) for name, matchers in selectors if not name.startswith("kamailio_")]
        for name, matchers in ours:
            assert set(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", matchers)) <= labels_of(name)
            assert 'job="voicebot"' in matchers
        if ours:
            shared = set.intersection(*(labels_of(name) for name, _ in ours))
            summed = {label for by in re.findall(r"\bby \(([^)]*)\)", expr) for label in re.split(r",\s*", by)}
            assert summed <= shared
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= summed


def test_panels_do_not_lie_on_each_other_and_have_names_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)


def test_jobs_and_sources_have_the_names_that_rules_and_panels_use() -> None:
    jobs = {job["job_name"] for job in load("prometheus.yml")["scrape_configs"]}
    rules = (DEPLOY / "alerts.yml").read_text(encoding="utf-8")
    used = set(re.findall(r'job="(\w+)"', rules)) | {
        job
        for panel in PANELS
        if panel["type"] != "logs"
        for target in panel["targets"]
        for job in re.findall(r'job="(\w+)"', target["expr"])
    }
    assert used == jobs
    sources = {source["uid"] for source in load("grafana/provisioning/datasources/voicebot.yml")["datasources"]}
    assert {panel["datasource"]["uid"] for panel in PANELS} == sources


def test_labels_of_the_logs_are_fields_with_few_values() -> None:
    """A call's id as a label would make a stream of every call."""
    text = (DEPLOY / "alloy.alloy").read_text(encoding="utf-8")
    (labels,) = re.findall(r"stage\.labels \{\s*values = \{([^}]*)\}", text)
    assert set(re.findall(r"(\w+) =", labels)) == {"level"}
    (taken,) = re.findall(r"expressions = \{([^}]*)\}", text)
    assert set(re.findall(r'"(\w+)"', taken)) <= set(FIELDS)
    code = re.sub(r'"(\\.|[^"])*"|//.*', "", text)
    assert code.count("{") == code.count("}")
