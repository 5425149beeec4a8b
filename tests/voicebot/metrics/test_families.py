"""Names, units and buckets of the metrics, and the page about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from annotated_types import Le
from pydantic import BaseModel

import voicebot
from voicebot.chat.settings import ChatSettings
from voicebot.conversation.limits import Limits
from voicebot.handoff.settings import HandOffSettings
from voicebot.metrics.families import FAMILIES, STANDARD, Family, Kind
from voicebot.metrics.page import PAGE, page
from voicebot.metrics.registry import Metrics
from voicebot.pipeline.ear import FINISH_DEADLINE_S
from voicebot.pipeline.turns import WINDOW_S, TurnSettings

ROOT = Path(voicebot.__file__).parents[1]
SCALED = ("_ms", "_milliseconds", "_minutes", "_hours", "_kilobytes", "_mb", "_percent")


def longest(section: type[BaseModel], name: str) -> float:
    """The largest value that a setting may have."""
    (bound,) = [each.le for each in section.model_fields[name].metadata if isinstance(each, Le)]
    largest: Any = bound
    return float(largest)


LIMITS = {
    "voicebot_call_seconds": longest(Limits, "max_call_s"),
    "voicebot_ring_seconds": longest(HandOffSettings, "ring_s"),
    "voicebot_bridge_seconds": longest(HandOffSettings, "max_bridge_s"),
    "voicebot_steering_seconds": max(longest(Limits, "max_call_s"), longest(ChatSettings, "max_chat_s")),
    "voicebot_chat_seconds": longest(ChatSettings, "max_chat_s"),
    "voicebot_chat_wait_seconds": longest(ChatSettings, "agent_wait_s"),
    "voicebot_understand_seconds": longest(Limits, "understand_s"),
    "voicebot_shadow_understand_seconds": longest(Limits, "understand_s"),
    "voicebot_recogniser_seconds": FINISH_DEADLINE_S,
    "voicebot_recogniser_decodes": TurnSettings().max_turn_s / (TurnSettings().pause_s + TurnSettings().start_windows * WINDOW_S),
    "voicebot_response_seconds": FINISH_DEADLINE_S + longest(Limits, "understand_s"),
    "voicebot_call_loss_ratio": 1.0,
    "voicebot_call_jitter_seconds": 0.5,
    "voicebot_call_mos": 4.5,
}


@pytest.mark.parametrize(
    "family", [each for each in FAMILIES.values() if each.kind is Kind.HISTOGRAM], ids=lambda each: each.name
)
def test_buckets_go_on_to_the_longest_that_can_be(family: Family) -> None:
    """What lies above the last bound is only known to be long."""
    assert list(family.bounds) == sorted(set(family.bounds))
    assert family.bounds[-1] >= LIMITS[family.name]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_names_keep_to_the_conventions(family: Family) -> None:
    """https://prometheus.io/docs/practices/naming/"""
    assert family.name.startswith("voicebot_")
    assert family.name.endswith("_total") is (family.kind is Kind.COUNTER)
    assert not family.name.removesuffix("_total").endswith(SCALED)
    assert not {"le", "process", "instance", "job"} & set(family.labels)
    assert family.help.endswith(".")
    assert family.wrong.endswith("."), "it says what to do"
    assert not family.known or len(family.labels) == 1


def test_the_page_about_metrics_is_up_to_date() -> None:
    """Written by: python -m voicebot.metrics."""
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page()


def test_every_metric_that_is_shown_is_on_the_page() -> None:
    """Those of the process itself too."""
    shown = {line.split()[2] for line in Metrics().render().splitlines() if line.startswith("# TYPE")}
    assert shown == {*FAMILIES, *STANDARD}
