"""Estimates with 95 % intervals. Pure.

Shares by Wilson (1927), differences of two by Newcombe (1998, method 10), what is counted by line or by turn by a bootstrap over
whole calls, strata by their weights, agreement of two people by Cohen's kappa, two models on the same lines by McNemar.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

Z = 1.959964
_POWER_Z = 0.841621
"""80 % power: of real differences so large, four of five are found."""
BY_CHANCE = 0.05
"""A difference that comes by chance this seldom is taken for one."""
FEWEST = 20
"""Below so many no percentage is shown: it would say nothing."""
_DRAWS = 1000
_PARTS = 10
"""That the draws are reckoned in, so that thousands of lines need little memory."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval, and of how many."""

    value: float | None
    """None: too few to say."""
    low: float
    high: float
    n: int
    k: float = 0.0
    """How many of them, where it is a share."""


def wilson(k: float, n: float) -> Estimate:
    """A share. Under 20 the value is left out, and the interval is told all the same."""
    if n <= 0:
        return Estimate(None, 0.0, 1.0, 0)
    p, zz = k / n, Z * Z
    middle, half = (p + zz / (2 * n)) / (1 + zz / n), Z * sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n)
    low = 0.0 if k == 0 else max(0.0, middle - half)
    high = 1.0 if k == n else min(1.0, middle + half)
    return Estimate(p if n >= FEWEST else None, low, high, round(n), k)


def mean(values: Sequence[float]) -> Estimate:
    """An average of what is counted once a call; its interval by the normal law."""
    if len(values) < FEWEST:
        return Estimate(None, 0.0, 0.0, len(values))
    found, half = float(np.mean(values)), Z * float(np.std(values, ddof=1)) / sqrt(len(values))
    return Estimate(found, found - half, found + half, len(values))


def difference(one: tuple[int, int], other: tuple[int, int]) -> Estimate:
    """Of two shares (k, n): the first less the second."""
    a, b = wilson(*one), wilson(*other)
    p, q = one[0] / max(1, one[1]), other[0] / max(1, other[1])
    low = p - q - sqrt((p - a.low) ** 2 + (b.high - q) ** 2)
    high = p - q + sqrt((a.high - p) ** 2 + (q - b.low) ** 2)
    n = min(one[1], other[1])
    return Estimate(p - q if n >= FEWEST else None, max(-1.0, low), min(1.0, high), n)


def per_call(of_calls: Sequence[tuple[float, float]], *, seed: int = 1) -> Estimate:
    """A ratio that is counted within calls (turns, lines): each call gives (numerator, denominator); calls are drawn whole."""
    if not of_calls:
        return Estimate(None, 0.0, 1.0, 0)
    pairs = np.asarray(of_calls, dtype=float)
    below = pairs[:, 1].sum()
    if below <= 0:
        return Estimate(None, 0.0, 1.0, len(pairs))
    drawn = np.random.default_rng(seed).integers(0, len(pairs), (_DRAWS, len(pairs)))
    sums = pairs[drawn].sum(axis=1)
    ratios = sums[:, 0] / np.maximum(sums[:, 1], 1e-12)
    low, high = np.percentile(ratios, [2.5, 97.5])
    value = float(pairs[:, 0].sum() / below)
    return Estimate(value if len(pairs) >= FEWEST else None, float(low), float(high), len(pairs), float(pairs[:, 0].sum()))


@dataclass(frozen=True, slots=True)
class Stratum:
    """Lines of one kind: of `traffic`, `n` were looked at, and `k` of these were so."""

    traffic: int
    n: int
    k: float
    """Not whole where people differ about a line, or where lines stand for unlike many others."""


def stratified(strata: Sequence[Stratum]) -> Estimate:
    """A share of all traffic out of a sample that was drawn by strata. A stratum nobody looked at widens the interval by its
    whole weight: nothing is known of it.
    """
    total = sum(each.traffic for each in strata)
    n = sum(each.n for each in strata)
    if not total or not n:
        return Estimate(None, 0.0, 1.0, n)
    value = variance = unknown = 0.0
    for each in strata:
        weight = each.traffic / total
        if not each.n:
            unknown += weight
            continue
        p, smoothed = each.k / each.n, (each.k + 1) / (each.n + 2)
        value += weight * p
        left = max(0.0, 1 - each.n / max(each.traffic, each.n))
        variance += weight**2 * smoothed * (1 - smoothed) / each.n * left
    half = Z * sqrt(variance)
    shown = value / (1 - unknown) if unknown < 1 else 0.0
    low, high = max(0.0, value - half), min(1.0, value + half + unknown)
    return Estimate(shown if n >= FEWEST else None, low, high, n, sum(each.k for each in strata))


def neyman(strata: Mapping[str, tuple[int, float]], size: int) -> dict[str, int]:
    """How to share out a sample of `size` lines: strata by name, each with its traffic and the share that is expected in it. At
    least two of each stratum that has so many.
    """
    weights = {name: traffic * sqrt(max(0.01, p) * (1 - min(0.99, p))) for name, (traffic, p) in strata.items() if traffic}
    total = sum(weights.values())
    if not total:
        return {}
    return {name: min(strata[name][0], max(2, round(size * weight / total))) for name, weight in weights.items()}


def kappa(pairs: Sequence[tuple[str, str]], *, seed: int = 1) -> Estimate:
    """Cohen's kappa of two people's labels of the same lines, its interval by a bootstrap over lines."""
    if not pairs:
        return Estimate(None, -1.0, 1.0, 0)
    names = sorted({name for pair in pairs for name in pair})
    kinds, of_kind = np.unique([(names.index(one), names.index(other)) for one, other in pairs], axis=0, return_inverse=True)
    drawn = np.random.default_rng(seed).integers(0, len(pairs), (_DRAWS, len(pairs)))
    spread = [_kappas(of_kind.ravel()[some], kinds, len(names)) for some in np.array_split(drawn, _PARTS)]
    low, high = np.percentile(np.concatenate(spread), [2.5, 97.5])
    value = float(_kappas(of_kind.reshape(1, -1), kinds, len(names))[0])
    return Estimate(value if len(pairs) >= FEWEST else None, float(low), float(high), len(pairs))


def _kappas(drawn: np.ndarray, kinds: np.ndarray, names: int) -> np.ndarray:
    """Of several sets of pairs at once: `drawn` has a row for each set, of the kinds of its pairs; `kinds` are pairs of codes
    below `names`.
    """
    sets, lines = drawn.shape
    own = drawn + len(kinds) * np.arange(sets)[:, None]  # each set is counted for itself
    counts = np.bincount(own.ravel(), minlength=sets * len(kinds)).reshape(sets, len(kinds))
    agreed = counts[:, kinds[:, 0] == kinds[:, 1]].sum(axis=1) / lines
    one, other = (counts @ np.eye(names)[kinds[:, side]] / lines for side in (0, 1))
    chance = (one * other).sum(axis=1)
    found = np.ones(sets)
    np.divide(agreed - chance, 1 - chance, out=found, where=chance < 1)
    return found


def mcnemar(better: int, worse: int) -> float:
    """The probability that two models differ so by chance: of the lines that only one of them had right, `better` and `worse`.

    The exact test, both sides.
    """
    from scipy import stats  # two seconds to load, and only this needs it

    together = better + worse
    return 1.0 if together == 0 else float(stats.binomtest(better, together, 0.5).pvalue)


def discordant_needed(better: int, worse: int) -> int | None:
    """How many lines that only one of two models has right it takes to tell which is better (McNemar, 80 % power), if they go on
    as these did (Connor, 1987); None when they go neither way.
    """
    if better == worse:
        return None
    p = better / (better + worse)
    needed = ceil(((Z / 2 + _POWER_Z * sqrt(p * (1 - p))) / abs(p - 0.5)) ** 2)
    while mcnemar(round(p * needed), needed - round(p * needed)) >= BY_CHANCE:  # the exact test asks for some more where few do
        needed += 1
    return needed


def per_arm_needed(one: float, other: float) -> int | None:
    """How many cases an arm it takes to tell two shares apart (both sides, 5 %, 80 % power); None when they do not differ."""
    if one == other:
        return None
    spread = one * (1 - one) + other * (1 - other)
    return ceil((Z + _POWER_Z) ** 2 * spread / (one - other) ** 2)


def corrected(measured: Estimate, *, sensitivity: Estimate, specificity: Estimate) -> Estimate:
    """The true share behind one that was measured by something that errs, with its interval (Rogan and Gladen, 1978); no value
    where one of the three has none, or where the measure tells nothing.
    """
    n = min(measured.n, sensitivity.n, specificity.n)
    if measured.value is None or sensitivity.value is None or specificity.value is None:
        return Estimate(None, 0.0, 1.0, n)
    informed = sensitivity.value + specificity.value - 1
    if informed <= 0:
        return Estimate(None, 0.0, 1.0, n)
    value = (measured.value + specificity.value - 1) / informed
    parts = ((measured, 1.0), (sensitivity, value), (specificity, 1 - value))
    half = sqrt(sum((times * (each.high - each.low) / 2) ** 2 for each, times in parts)) / informed
    low, shown, high = (min(1.0, max(0.0, each)) for each in (value - half, value, value + half))
    return Estimate(shown, low, high, n, shown * n)


@dataclass(frozen=True, slots=True)
class Time:
    """A quantile in seconds, and the 95 % interval of it; None where too few ever got there."""

    value: float | None
    low: float | None
    high: float | None


def quantile(values: Sequence[float], share: float) -> Time:
    """A quantile of times that all came to an end; its interval by order statistics, exact (Conover, 1999, 3.2; as
    `scipy.stats.quantile_test` has it, which reckons a test beside it and takes ten times as long).
    """
    from scipy import stats  # two seconds to load, and only this and its neighbours need it

    ordered, n, tail = np.sort(values), len(values), BY_CHANCE / 2
    low, high = int(stats.binom.ppf(tail, n, share)) - 1, int(stats.binom.isf(tail, n, share))
    found = (float(ordered[place]) if 0 <= place < n else None for place in (low, high))
    return Time(float(np.quantile(ordered, share)), *found)


def survival(waits: Sequence[tuple[float, bool]]) -> dict[str, Time]:
    """Median and p90 of a time that some did not live to see (Kaplan and Meier, 1958): each is (seconds, whether it came). The
    interval is where the curve's own (log-log) crosses the share (Brookmeyer and Crowley, 1982).
    """
    from scipy import stats  # two seconds to load, and only this and its neighbours need it

    shares = {"median": 0.5, "p90": 0.9}
    seen = [value for value, came in waits if came]
    if len(waits) < FEWEST or not seen:
        return dict.fromkeys(shares, Time(None, None, None))
    censored = [value for value, came in waits if not came]
    curve = stats.ecdf(stats.CensoredData(uncensored=seen, right=censored)).cdf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # at the ends of the curve there is none: "not an error", it says
        spread = curve.confidence_interval(method="log-log")

    def reached(probabilities: Sequence[float], share: float) -> float | None:
        there = np.nonzero(np.nan_to_num(np.asarray(probabilities)) >= share - 1e-12)[0]
        return float(curve.quantiles[there[0]]) if len(there) else None

    return {
        name: Time(
            reached(curve.probabilities, share),
            reached(spread.high.probabilities, share),
            reached(spread.low.probabilities, share),
        )
        for name, share in shares.items()
    }
