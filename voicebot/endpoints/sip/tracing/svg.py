"""The ladder diagram as a picture that needs nothing else: SVG 1.1, no script."""

from __future__ import annotations

from html import escape

from voicebot.endpoints.sip.tracing.ladder import Ladder, Rung

_LEFT, _GAP, _TOP, _ROW = 110, 300, 56, 26
_STYLE = (
    "text{font:13px sans-serif;fill:#1a1a1a}.time{font:11px monospace;fill:#555}.fact{fill:#0b5c2e}"
    "line{stroke:#1a4d8f;stroke-width:1.4}.life{stroke:#999;stroke-dasharray:3 4}path{fill:#1a4d8f}"
)


def as_svg(ladder: Ladder, title: str) -> str:
    """One picture, its height by the number of rows."""
    height = _TOP + _ROW * (len(ladder.rungs) + 1)
    width = _LEFT + _GAP * max(1, len(ladder.columns) - 1) + 150
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>{_text(title)}</title><style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, name in enumerate(ladder.columns):
        x = _LEFT + _GAP * number
        parts.append(f'<line class="life" x1="{x}" y1="{_TOP - 14}" x2="{x}" y2="{height - 8}"/>')
        parts.append(f'<text x="{x}" y="{_TOP - 24}" text-anchor="middle" font-weight="bold">{_text(name)}</text>')
    parts += [_row(rung, _TOP + _ROW * (number + 1) - 8) for number, rung in enumerate(ladder.rungs)]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _row(rung: Rung, y: int) -> str:
    stamp = f'<text class="time" x="8" y="{y}">{rung.at:8.3f} s</text>'
    start, end = _LEFT + _GAP * rung.source, _LEFT + _GAP * rung.target
    if rung.is_fact:
        return f'{stamp}<text class="fact" x="{start + 10}" y="{y}">● {_text(rung.text)}</text>'
    tip = -8 if end > start else 8
    return (
        f'{stamp}<line x1="{start}" y1="{y}" x2="{end}" y2="{y}"/><path d="M{end} {y}l{tip} -4v8z"/>'
        f'<text x="{(start + end) // 2}" y="{y - 4}" text-anchor="middle">{_text(rung.text)}</text>'
    )


def _text(text: str) -> str:
    return escape("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text))
