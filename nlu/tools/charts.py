"""Two charts of calibration as inline SVG, readable by screen readers through their titles."""

from __future__ import annotations

from collections.abc import Sequence

from nlu.tools.measures import Bin

_WIDTH, _HEIGHT = 480, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 14, 34
_PLOT_WIDTH, _PLOT_HEIGHT = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM


def histogram(bins: Sequence[Bin]) -> str:
    """How many utterances at each confidence, right ones below, wrong ones on top."""
    most = max(1, *(one.count for one in bins))
    step = _PLOT_WIDTH / len(bins)
    bars = []
    for at, one in enumerate(bins):
        right, whole = _PLOT_HEIGHT * one.right / most, _PLOT_HEIGHT * one.count / most
        x, width = _LEFT + at * step + 2, step - 4
        bars.append(
            f"<g><title>{_range(one)}: {one.right} right, {one.count - one.right} wrong</title>"
            f'<rect class="right" x="{x:.1f}" y="{_y(right):.1f}" width="{width:.1f}" height="{right:.1f}"/>'
            f'<rect class="wrong" x="{x:.1f}" y="{_y(whole):.1f}" width="{width:.1f}" height="{whole - right:.1f}"/></g>'
        )
    marks = "".join(_horizontal(_PLOT_HEIGHT * share, f"{round(most * share)}") for share in (0, 0.5, 1))
    return _svg("Histogram of confidence", marks + _confidences(len(bins)) + "".join(bars))


def reliability(bins: Sequence[Bin]) -> str:
    """Share right against mean confidence; bins of few utterances are small dots."""
    filled = [one for one in bins if one.count]
    most = max((one.count for one in filled), default=1)
    points = [(_x(one.confidence), _y(_PLOT_HEIGHT * one.right / one.count), one) for one in filled]
    curve = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    dots = "".join(
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{2.5 + 4 * (one.count / most) ** 0.5:.1f}">'
        f"<title>{_range(one)}: {one.right / one.count:.0%} of {one.count} right</title></circle>"
        for x, y, one in points
    )
    marks = "".join(_horizontal(_PLOT_HEIGHT * share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1))
    ideal = f'<line class="ideal" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(_PLOT_HEIGHT)}"/>'
    return _svg(
        "Share right at each confidence", f'{marks}{_confidences(5)}{ideal}<polyline class="curve" points="{curve}"/>{dots}'
    )


def _svg(label: str, content: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}"><title>{label}</title>{content}</svg>'


def _range(one: Bin) -> str:
    return f"confidence {one.low:.1f} to {one.high:.1f}"


def _x(share: float) -> float:
    return _LEFT + share * _PLOT_WIDTH


def _y(height: float) -> float:
    return _TOP + _PLOT_HEIGHT - height


def _horizontal(height: float, label: str) -> str:
    y = _y(height)
    return (
        f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    )


def _confidences(steps: int) -> str:
    y = _HEIGHT - 12
    return "".join(
        f'<text x="{_x(at / steps):.1f}" y="{y}" text-anchor="middle">{at / steps:.1f}</text>' for at in range(steps + 1)
    )
