"""The alert rules name metrics and labels that exist, and say what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import voicebot
from voicebot.metrics.families import FAMILIES, STANDARD, Kind
from voicebot.metrics.merge import PROCESS

ALERTS = Path(voicebot.__file__).parents[1] / "deploy" / "alerts.yml"
(GROUP,) = YAML(typ="safe").load(ALERTS.read_text(encoding="utf-8"))["groups"]
RULES: list[dict[str, Any]] = GROUP["rules"]
SCRAPED = {"instance", "job", PROCESS}
NAME = re.compile(r"\b(?:voicebot_|process_)\w+|\bup\b")


def labels_of(metric: str) -> set[str]:
    """The labels that a sample of this name has. Fails when there is no such metric."""
    if metric == "up" or metric in STANDARD:
        return SCRAPED
    family = FAMILIES.get(metric)
    if family is None:
        family = FAMILIES[re.sub(r"_(bucket|count|sum)$", "", metric)]
        assert family.kind is Kind.HISTOGRAM, metric
        return {*family.labels, "le", *SCRAPED}
    assert family.kind is not Kind.HISTOGRAM, f"{metric} has no samples of its own name"
    return {*family.labels, *SCRAPED}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_uses_metrics_and_labels_that_exist(rule: dict[str, Any]) -> None:
    """In what it asks for, in what it sums by, and in its words."""
    expr = rule["expr"]
    metrics = NAME.findall(re.sub(r"\{[^}]*\}", "", expr))
    assert metrics
    shared = set.intersection(*(labels_of(metric) for metric in metrics))
    for metric, matchers in re.findall(r"(\w+)\{([^}]*)\}", expr):
        assert set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers)) <= labels_of(metric)
    summed = [set(re.split(r",\s*", by)) for by in re.findall(r"\bby \(([^)]*)\)", expr)]
    assert all(by <= shared for by in summed)
    shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert shown <= (set.intersection(*summed) - {"le"} if summed else shared)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    assert len(rule["annotations"]["description"].split()) >= 8


def test_counters_are_only_compared_by_their_growth() -> None:
    """The count itself is that of a process's whole life."""
    for rule in RULES:
        for metric in NAME.findall(rule["expr"]):
            if metric in FAMILIES and FAMILIES[metric].kind is Kind.COUNTER:
                assert re.search(rf"(?:rate|increase)\({metric}(?:\{{[^}}]*\}})?\[", rule["expr"]), rule["alert"]
