"""A goal is missed or reached only where the whole interval says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from voicebot.config.console import ConsoleSettings
from voicebot.figures.charts import RIGHT, intervals
from voicebot.figures.definitions import GOALS, Standing, standing
from voicebot.figures.estimates import wilson


@pytest.mark.parametrize(
    ("name", "k", "n", "goal", "how"),
    [
        ("misrouted", 2, 200, 0.04, Standing.REACHED),
        ("misrouted", 30, 200, 0.04, Standing.MISSED),
        ("misrouted", 10, 200, 0.04, Standing.OPEN),
        ("misrouted", 30, 49, 0.04, Standing.OPEN),
        ("misrouted", 0, 5, 0.04, Standing.OPEN),
        ("helped", 190, 200, 0.9, Standing.REACHED),
        ("helped", 100, 200, 0.9, Standing.MISSED),
        ("helped", 185, 200, 0.9, Standing.OPEN),
    ],
)
def test_how_a_figure_stands(name: str, k: int, n: int, goal: float, how: Standing) -> None:
    assert standing(name, wilson(k, n), {name: goal}) is how


def test_a_figure_without_a_goal_stands_nowhere() -> None:
    assert standing("misrouted", wilson(1, 100), {"helped": 0.9}) is None


@given(name=st.sampled_from(sorted(GOALS)), n=st.integers(50, 5000), share=st.floats(0, 1), goal=st.floats(0.001, 0.999))
def test_what_is_missed_would_not_be_reached_on_the_other_side(name: str, n: int, share: float, goal: float) -> None:
    """Its value lies on the side that its standing tells."""
    estimate = wilson(round(share * n), n)
    how, value = standing(name, estimate, {name: goal}), estimate.value or 0.0
    better = value <= goal if GOALS[name] == "down" else value >= goal
    assert how is Standing.OPEN or (how is Standing.REACHED) == better


def test_the_goal_is_drawn_within_the_axis() -> None:
    chart = intervals([("card_block", wilson(1, 100))], 0.3)
    assert chart.goal is not None
    assert chart.goal <= RIGHT
    assert intervals([("card_block", wilson(1, 100))]).goal is None


def test_a_goal_for_what_has_none_is_refused_with_the_names() -> None:
    with pytest.raises(ValidationError, match="'contained' is no figure that has a goal; write misrouted"):
        ConsoleSettings(goals={"contained": 0.2})
    assert ConsoleSettings(goals={"misrouted": 0.04}).goals == {"misrouted": 0.04}
