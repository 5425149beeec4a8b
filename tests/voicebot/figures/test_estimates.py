"""Intervals cover what they say; estimators against values that others computed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from voicebot.figures.estimates import (
    BY_CHANCE,
    FEWEST,
    Stratum,
    corrected,
    difference,
    discordant_needed,
    kappa,
    mcnemar,
    neyman,
    per_arm_needed,
    per_call,
    quantile,
    stratified,
    survival,
    wilson,
)


@given(st.integers(1, 3000), st.data())
def test_wilson_is_what_scipy_computes(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    ours, theirs = wilson(k, n), stats.binomtest(k, n).proportion_ci(method="wilson")
    assert ours.low == pytest.approx(theirs.low, abs=1e-6)
    assert ours.high == pytest.approx(theirs.high, abs=1e-6)
    assert (ours.value is None) == (n < FEWEST)


@pytest.mark.parametrize("p", [0.02, 0.058, 0.5])
def test_wilson_covers(p: float) -> None:
    """95 % of samples of 300 hold the true share."""
    rng = np.random.default_rng(7)
    covered = [wilson(int(k), 300) for k in rng.binomial(300, p, 3000)]
    assert 0.935 <= np.mean([each.low <= p <= each.high for each in covered]) <= 0.975


def test_newcombe_as_in_his_paper() -> None:
    """Statistics in Medicine 17 (1998), table II (a): 56/70 less 48/80."""
    found = difference((56, 70), (48, 80))
    assert found.low == pytest.approx(0.0524, abs=2e-4)
    assert found.high == pytest.approx(0.3339, abs=2e-4)


def test_strata_by_their_weights_cover() -> None:
    """Doubtful lines are looked at more often; the share of all traffic comes out all the same."""
    rng = np.random.default_rng(3)
    kinds = {"sure": (8000, 0.02), "doubtful": (1500, 0.2), "lost": (500, 0.4)}
    true = sum(traffic * p for traffic, p in kinds.values()) / 10_000
    sizes = neyman(kinds, 300)
    assert sum(sizes.values()) == pytest.approx(300, abs=3)
    covered = []
    for _ in range(1000):
        found = stratified([Stratum(traffic, sizes[name], rng.binomial(sizes[name], p)) for name, (traffic, p) in kinds.items()])
        covered.append(found.low <= true <= found.high)
    assert np.mean(covered) >= 0.93


def test_a_stratum_nobody_looked_at_widens_the_interval() -> None:
    known = stratified([Stratum(100, 50, 5)])
    partly = stratified([Stratum(100, 50, 5), Stratum(100, 0, 0)])
    assert partly.high > known.high + 0.4


def test_a_ratio_within_calls_is_wider_than_by_turns() -> None:
    """All turns of a call go together."""
    calls = [(5.0, 5.0)] * 30 + [(0.0, 5.0)] * 70
    found = per_call(calls)
    by_turns = wilson(150, 500)
    assert found.value == pytest.approx(0.3)
    assert found.high - found.low > 1.5 * (by_turns.high - by_turns.low)


def test_kappa_as_in_cohens_example() -> None:
    """20 + 15 of 50 agreed: 0.4."""
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    found = kappa(pairs)
    assert found.value == pytest.approx(0.4)
    assert found.low < 0.4 < found.high
    assert kappa([("a", "a")] * 30).value == 1.0


@pytest.mark.parametrize(("n", "share"), [(1, 0.5), (20, 0.5), (20, 0.95), (37, 0.9), (1000, 0.5), (1000, 0.95)])
def test_a_quantile_has_scipys_interval(n: int, share: float) -> None:
    values = np.random.default_rng(n).gamma(2.0, 10.0, n).round()
    found = quantile(values.tolist(), share)
    wanted = stats.quantile_test(values, q=np.quantile(values, share), p=share).confidence_interval()
    assert [found.low, found.high] == [float(each) if np.isfinite(each) else None for each in wanted]


def test_two_models_on_the_same_lines() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(41, 3) < 0.001
    assert mcnemar(9, 7) == pytest.approx(stats.binomtest(9, 16).pvalue)


def test_how_many_cases_it_takes_to_tell() -> None:
    """The facts' example: a misroute rate of 6 % that fell to 5 %, 80 % power; found so often in simulated trials, too."""
    needed = per_arm_needed(0.06, 0.05)
    assert needed == pytest.approx(8150, abs=10)
    assert per_arm_needed(0.05, 0.06) == needed
    assert per_arm_needed(0.05, 0.05) is None
    assert needed is not None
    drawn = np.random.default_rng(3).binomial(needed, [0.06, 0.05], (2000, 2))
    told = [difference((int(k), needed), (int(m), needed)) for k, m in drawn]
    assert 0.77 < sum(each.low > 0 or each.high < 0 for each in told) / len(told) < 0.83


@given(st.integers(0, 60), st.integers(0, 60))
def test_lines_that_go_on_as_they_did_tell_the_better_model_in_the_end(better: int, worse: int) -> None:
    needed = discordant_needed(better, worse)
    assert needed == discordant_needed(worse, better)
    if needed is None:
        assert better == worse
        return
    share = better / (better + worse)
    assert mcnemar(round(share * needed), needed - round(share * needed)) < BY_CHANCE


def test_transfers_that_err_both_ways_are_put_right() -> None:
    """The facts' example: a true 5.8 % shows as 6.3 %."""
    measured = wilson(round(10_000 * (0.058 * 0.6 + 0.942 * 0.03)), 10_000)
    found = corrected(measured, sensitivity=wilson(60, 100), specificity=wilson(970, 1000))
    assert found.value == pytest.approx(0.058, abs=0.001)
    assert found.high - found.low > 0.03, "what is not known of the transfers is most of the interval"
    assert corrected(measured, sensitivity=wilson(50, 100), specificity=wilson(50, 100)).value is None
    assert corrected(measured, sensitivity=wilson(5, 10), specificity=wilson(970, 1000)).value is None


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0.1, 1000), st.booleans()), min_size=FEWEST, max_size=80))
def test_who_gave_up_makes_the_time_no_shorter(waits: list[tuple[float, bool]]) -> None:
    found = survival(waits)["median"]
    came = [value for value, reached in waits if reached]
    if found.value is not None and came:
        assert found.value >= np.percentile(came, 50, method="lower") - 1e-9 or len(came) == len(waits)
        assert found.low is None or found.low <= found.value
        assert found.high is None or found.value <= found.high


def test_the_interval_of_a_median_holds_the_true_one() -> None:
    """Exponential times of mean 60 s, a third of the callers give up before: the true median is 41.6 s."""
    rng = np.random.default_rng(7)
    held = {"censored": 0, "plain": 0}
    for _ in range(200):
        wait, patience = rng.exponential(60, 120), rng.exponential(120, 120)
        censored = survival([(min(a, b), a <= b) for a, b in zip(wait.tolist(), patience.tolist(), strict=True)])["median"]
        for name, time in (("censored", censored), ("plain", quantile(wait.tolist(), 0.5))):
            assert time.low is not None
            assert time.high is not None
            held[name] += time.low <= 60 * np.log(2) <= time.high
    assert all(each >= 180 for each in held.values()), held
