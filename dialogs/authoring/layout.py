"""Placing a graph on a page: layers from left to right, neighbours near one another (after Sugiyama, 1981, simplified)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Placed:
    """A node's box: its layer (from 0) and its height on the page, in rows from 0."""

    layer: int
    row: float


def place(nodes: Sequence[str], edges: Sequence[tuple[str, str]], starts: Sequence[str]) -> dict[str, Placed]:
    """A place for every node; no two overlap. Layers are the distance from the nearest start; the unreached come last."""
    layers = _layers(nodes, edges, starts)
    rows = [[node for node in nodes if layers[node] == layer] for layer in range(max(layers.values(), default=0) + 1)]
    neighbours: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in edges:
        neighbours[source].append(target)
        neighbours[target].append(source)
    for sweep in range(SWEEPS):
        order = {node: at for row in rows for at, node in enumerate(row)}
        for layer in range(len(rows)) if sweep % 2 == 0 else reversed(range(len(rows))):
            rows[layer].sort(key=lambda node: (_centre(node, neighbours, order), order[node]))
            order.update({node: at for at, node in enumerate(rows[layer])})
    tallest = max(len(names) for names in rows)
    return {
        node: Placed(layer, (row + 0.5) * tallest / len(names) - 0.5)
        for layer, names in enumerate(rows)
        for row, node in enumerate(names)
    }


def _layers(nodes: Sequence[str], edges: Sequence[tuple[str, str]], starts: Sequence[str]) -> dict[str, int]:
    layers = {start: 0 for start in starts if start in nodes}
    todo = list(layers)
    while todo:
        node = todo.pop(0)
        for source, target in edges:
            if source == node and target not in layers:
                layers[target] = layers[node] + 1
                todo.append(target)
    last = max(layers.values(), default=-1) + 1
    return {node: layers.get(node, last) for node in nodes}


def _centre(node: str, neighbours: Mapping[str, Sequence[str]], order: Mapping[str, int]) -> float:
    """The mean row of a node's neighbours."""
    around = [order[other] for other in neighbours[node] if other != node]
    return sum(around) / len(around) if around else float(order[node])
