"""The conversation and the routes as pictures (SVG), for people who design them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dialogs.bundle import Bundle
from dialogs.flow import Step
from dialogs.graph import edges, entries, reachable
from dialogs.layout import Placed, below, place

BOX_W, BOX_H, GAP_X, GAP_Y, MARGIN = 168, 38, 92, 22, 28
FONT = "font-family='system-ui, sans-serif'"
FILL = {
    "question": "#dbeafe",
    "menu": "#dbeafe",
    "collect": "#dbeafe",
    "route": "#fef3c7",
    "check": "#fef3c7",
    "connect": "#dcfce7",
    "request": "#dcfce7",
    "farewell": "#e5e7eb",
    "queue": "#dcfce7",
    "emergency": "#fee2e2",
    "segment": "#f3e8ff",
}
PLAIN = "#ffffff"


@dataclass(frozen=True, slots=True)
class Node:
    """One box: its name, a smaller second line, and the kind that colours it."""

    name: str
    note: str
    kind: str


def flow_svg(bundle: Bundle) -> str:
    """The steps as a call usually takes them, and under them those entered from anywhere. Dashed lines lead back; red boxes are
    entered by an emergency.
    """
    flow = bundle.flow
    urgent = {target for label, target in entries(flow) if label.startswith(("emergency", "security"))}
    nodes = [Node(name, step.kind, "emergency" if name in urgent else step.kind) for name, step in flow.steps.items()]
    lines = [(name, target, label) for name, step in flow.steps.items() for label, target in _merged(step)]
    usual = [name for name in flow.steps if name in reachable(flow, [flow.start])]
    apart = [name for name in flow.steps if name not in usual]
    placed = place(usual, [line[:2] for line in lines if line[0] in usual and line[1] in usual], [flow.start])
    if apart:
        inner = [line[:2] for line in lines if line[0] in apart and line[1] in apart]
        placed = below(placed, place(apart, inner, [target for _, target in entries(flow) if target in apart]))
    return _svg("The conversation", nodes, lines, placed)


def _merged(step: Step) -> list[tuple[str, str]]:
    """Edges with the same target as one, with all their answers."""
    labels: dict[str, list[str]] = {}
    for label, target in edges(step):
        labels.setdefault(target, []).append(label)
    return [(", ".join(filter(None, names)), target) for target, names in labels.items()]


def routes_svg(bundle: Bundle) -> str:
    """Matters on the left, their queues with hours and priority in the middle, and what takes over from a queue on the right."""
    routes = bundle.routes
    nodes = [Node(f"matter {name}", "emergency" if spec.emergency else "", "question") for name, spec in routes.matters.items()]
    nodes += [Node(f"segment {segment.value}", "own line", "segment") for segment, line in routes.segments.items() if line.queue]
    nodes += [
        Node(name, f"{spec.hours} · priority {spec.priority}", "emergency" if spec.emergency else "queue")
        for name, spec in routes.queues.items()
    ]
    lines = [(f"matter {name}", spec.queue, "") for name, spec in routes.matters.items()]
    lines += [(spec.queue, spec.human, "still wants a human") for spec in routes.matters.values() if spec.human]
    lines += [(f"segment {segment.value}", line.queue, "") for segment, line in routes.segments.items() if line.queue]
    nodes += [Node(f"language {language}", "short message", "segment") for language in routes.languages.short]
    lines += [(f"language {language}", queue, "") for language, queue in routes.languages.short.items()]
    lines += [(line.queue, line.adviser, "closed") for line in routes.segments.values() if line.queue and line.adviser]
    lines += [(name, spec.overflow, "refused") for name, spec in routes.queues.items() if spec.overflow]
    starts = [node.name for node in nodes if " " in node.name]
    placed = place([node.name for node in nodes], [line[:2] for line in lines], starts)
    return _svg("The routes", nodes, list(dict.fromkeys(lines)), placed)


def _svg(title: str, nodes: Sequence[Node], lines: Sequence[tuple[str, str, str]], placed: dict[str, Placed]) -> str:
    width = 2 * MARGIN + (max(p.layer for p in placed.values()) + 1) * (BOX_W + GAP_X) - GAP_X
    height = round(2 * MARGIN + 30 + (max(p.row for p in placed.values()) + 1) * (BOX_H + GAP_Y) - GAP_Y)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' role='img'>",
        f"<title>{escape(title)}</title>",
        "<defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' orient='auto-start-reverse'>"
        "<path d='M0 0L8 4L0 8z' fill='#64748b'/></marker></defs>",
        f"<rect width='{width}' height='{height}' fill='#ffffff'/>",
        f"<text x='{MARGIN}' y='{MARGIN}' font-size='16' font-weight='600' {FONT}>{escape(title)}</text>",
    ]
    parts += [_line(placed[source], placed[target], label) for source, target, label in lines]
    parts += [_box(node, placed[node.name]) for node in nodes]
    return "\n".join([*parts, "</svg>"])


def _corner(at: Placed) -> tuple[int, int]:
    return MARGIN + at.layer * (BOX_W + GAP_X), MARGIN + 30 + round(at.row * (BOX_H + GAP_Y))


def _box(node: Node, at: Placed) -> str:
    x, y = _corner(at)
    middle = x + BOX_W // 2
    colours = f"fill='{FILL.get(node.kind, PLAIN)}' stroke='#475569'"
    return (
        f"<g text-anchor='middle' {FONT}><rect x='{x}' y='{y}' width='{BOX_W}' height='{BOX_H}' rx='7' {colours}/>"
        f"<text x='{middle}' y='{y + 16}' font-size='12'>{escape(node.name)}</text>"
        f"<text x='{middle}' y='{y + 30}' font-size='9' fill='#475569'>{escape(node.note)}</text></g>"
    )


def _line(source: Placed, target: Placed, label: str) -> str:
    """A curve from box to box; one that leads back or stays in its layer is dashed and bent around."""
    (from_x, from_y), (to_x, to_y) = _corner(source), _corner(target)
    from_y, to_y = from_y + BOX_H // 2, to_y + BOX_H // 2
    forward = target.layer > source.layer
    start_x = from_x + BOX_W
    end_x = to_x if forward else to_x + BOX_W
    bend = GAP_X // 2 if forward else GAP_X // 2 + round(6 * abs(target.row - source.row))
    second_x = end_x - bend if forward else end_x + bend
    dash = "" if forward else " stroke-dasharray='4 3'"
    path = f"M{start_x} {from_y}C{start_x + bend} {from_y} {second_x} {to_y} {end_x} {to_y}"
    line = f"<path d='{path}' fill='none' stroke='#94a3b8'{dash} marker-end='url(#tip)'/>"
    return line + (_label(start_x, from_y, to_y, label) if label else "")


def _label(start_x: int, from_y: int, to_y: int, label: str) -> str:
    y = from_y + (to_y - from_y) // 6 - 3
    return f"<text x='{start_x + 5}' y='{y}' font-size='8' fill='#475569' {FONT}>{escape(_short(label))}</text>"


def _short(label: str, longest: int = 34) -> str:
    return label if len(label) <= longest else label[: longest - 1] + "…"
