"""The conversation and the routes as pictures (SVG), for people who design them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from dialogs.authoring.layout import Placed, place
from dialogs.data.bundle import Bundle
from dialogs.data.flow import Step
from dialogs.data.graph import edges, entries, reachable

BOX_W, BOX_H, ROW_H, GAP_X, GAP_Y, MARGIN = 196, 38, 13, 72, 20, 28
HUB = 4  # a step that so many others lead to is named at each of them, and no lines are drawn to it
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
    """One box: its name, a smaller second line, the kind that colours it, and what each answer leads to: (answers, target)."""

    name: str
    note: str
    kind: str
    leads: tuple[tuple[str, str], ...] = ()

    @property
    def height(self) -> int:
        """In pixels."""
        return BOX_H + ROW_H * len(self.leads) + (6 if self.leads else 0)


Corners = dict[str, tuple[int, int]]
"""The upper left corner of each box, in pixels."""


def flow_svg(bundle: Bundle) -> str:
    """The steps as a call usually takes them, and under them those entered from anywhere. Each box says what its answers lead to;
    dashed lines lead back, red boxes are entered by an emergency, and there are no lines to steps that very many lead to.
    """
    flow = bundle.flow
    urgent = {target for label, target in entries(flow) if label.startswith(("emergency", "security"))}
    nodes = {
        name: Node(name, step.kind, "emergency" if name in urgent else step.kind, tuple(_merged(step)))
        for name, step in flow.steps.items()
    }
    lines = [(name, target) for name, node in nodes.items() for _, target in node.leads]
    usual = [name for name in flow.steps if name in reachable(flow, [flow.start])]
    apart = [name for name in flow.steps if name not in usual]
    corners = _stacked(nodes, place(usual, [line for line in lines if set(line) <= set(usual)], [flow.start]), MARGIN + 30)
    if apart:
        inner = [line for line in lines if set(line) <= set(apart)]
        placed = place(apart, inner, [target for _, target in entries(flow) if target in apart])
        bottom = max(y + nodes[name].height for name, (_, y) in corners.items())
        corners |= _stacked(nodes, placed, bottom + 3 * GAP_Y)
    hubs = {name for name in flow.steps if sum(target == name for _, target in lines) >= HUB}
    drawn = [(name, target, "") for name, target in lines if target not in hubs and (name in usual) == (target in usual)]
    return _svg("The conversation", list(nodes.values()), drawn, corners)


def _stacked(nodes: Mapping[str, Node], placed: Mapping[str, Placed], top: int) -> Corners:
    """Boxes of one layer one under another, each as tall as it is; layers are centred on the tallest."""
    layers: dict[int, list[str]] = {}
    for name, at in sorted(placed.items(), key=lambda item: item[1].row):
        layers.setdefault(at.layer, []).append(name)
    heights = {layer: sum(nodes[name].height + GAP_Y for name in names) for layer, names in layers.items()}
    corners: Corners = {}
    for layer, names in layers.items():
        y = top + (max(heights.values()) - heights[layer]) // 2
        for name in names:
            corners[name] = (MARGIN + layer * (BOX_W + GAP_X), y)
            y += nodes[name].height + GAP_Y
    return corners


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
    corners = {
        name: (MARGIN + at.layer * (BOX_W + GAP_X), MARGIN + 30 + round(at.row * (BOX_H + GAP_Y))) for name, at in placed.items()
    }
    return _svg("The routes", nodes, list(dict.fromkeys(lines)), corners)


def _svg(title: str, nodes: Sequence[Node], lines: Sequence[tuple[str, str, str]], corners: Corners) -> str:
    boxes = {node.name: node for node in nodes}
    width = max(x for x, _ in corners.values()) + BOX_W + MARGIN
    height = max(y + boxes[name].height for name, (_, y) in corners.items()) + MARGIN
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' role='img'>",
        f"<title>{escape(title)}</title>",
        "<defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' orient='auto-start-reverse'>"
        "<path d='M0 0L8 4L0 8z' fill='#64748b'/></marker></defs>",
        f"<rect width='{width}' height='{height}' fill='#ffffff'/>",
        f"<text x='{MARGIN}' y='{MARGIN}' font-size='16' font-weight='600' {FONT}>{escape(title)}</text>",
    ]
    parts += [_line(boxes[source], corners[source], target, corners[target], label) for source, target, label in lines]
    parts += [_box(node, corners[node.name]) for node in nodes]
    return "\n".join([*parts, "</svg>"])


def _box(node: Node, corner: tuple[int, int]) -> str:
    x, y = corner
    middle = x + BOX_W // 2
    colours = f"fill='{FILL.get(node.kind, PLAIN)}' stroke='#475569'"
    rows = "".join(
        f"<text x='{x + 8}' y='{y + BOX_H + ROW_H * at + 8}' font-size='10' text-anchor='start'>{escape(_row(*lead))}</text>"
        for at, lead in enumerate(node.leads)
    )
    return (
        f"<g text-anchor='middle' {FONT}><rect x='{x}' y='{y}' width='{BOX_W}' height='{node.height}' rx='7' {colours}/>"
        f"<text x='{middle}' y='{y + 16}' font-size='12' font-weight='600'>{escape(node.name)}</text>"
        f"<text x='{middle}' y='{y + 30}' font-size='9' fill='#475569'>{escape(node.note)}</text>{rows}</g>"
    )


def _row(answers: str, target: str) -> str:
    return f"{_short(answers, 34 - len(target))} → {target}" if answers else f"→ {target}"


def _line(source: Node, source_at: tuple[int, int], target: str, target_at: tuple[int, int], label: str) -> str:
    """A curve from box to box, or from the row that names the target; one that leads back or stays in its layer is dashed and
    bent around.
    """
    (from_x, from_y), (to_x, to_y) = source_at, target_at
    row = next((at for at, (_, named) in enumerate(source.leads) if named == target), None)
    from_y += BOX_H // 2 if row is None else BOX_H + ROW_H * row + 5
    to_y += BOX_H // 2
    forward = to_x > from_x
    start_x = from_x + BOX_W
    end_x = to_x if forward else to_x + BOX_W
    bend = GAP_X // 2 if forward else GAP_X // 2 + abs(to_y - from_y) // 10
    second_x = end_x - bend if forward else end_x + bend
    dash = "" if forward else " stroke-dasharray='4 3'"
    path = f"M{start_x} {from_y}C{start_x + bend} {from_y} {second_x} {to_y} {end_x} {to_y}"
    line = f"<path d='{path}' fill='none' stroke='#94a3b8'{dash} marker-end='url(#tip)'/>"
    return line + (_label(start_x, from_y, to_y, label) if label else "")


def _label(start_x: int, from_y: int, to_y: int, label: str) -> str:
    y = from_y + (to_y - from_y) // 6 - 3
    return f"<text x='{start_x + 5}' y='{y}' font-size='8' fill='#475569' {FONT}>{escape(_short(label))}</text>"


def _short(label: str, longest: int = 38) -> str:
    return label if len(label) <= longest else label[: longest - 1] + "…"
