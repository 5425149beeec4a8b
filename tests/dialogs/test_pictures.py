"""For the designer: the conversation and the routes as pictures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs import Bundle
from dialogs.authoring.draw import flow_svg, routes_svg
from dialogs.authoring.layout import place
from dialogs.data.graph import edges

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> set[str]:
    return {element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")}


def boxes(svg: str) -> Iterator[tuple[int, int, int, int]]:
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        x, y, width, height = (int(rect.get(name, "")) for name in ("x", "y", "width", "height"))
        yield x, y, x + width, y + height


def test_every_step_is_in_the_picture_and_every_way_from_it(bundle: Bundle) -> None:
    svg = flow_svg(bundle)
    assert set(bundle.flow.steps) <= texts(svg)
    written = [text for text in texts(svg) if "→" in text]
    targets = {target for step in bundle.flow.steps.values() for _, target in edges(step)}
    assert {text.rpartition("→ ")[2] for text in written} == targets


def test_every_queue_is_in_the_picture_of_the_routes_with_its_hours(bundle: Bundle) -> None:
    shown = texts(routes_svg(bundle))
    assert set(bundle.queues) <= shown
    assert {f"matter {intent}" for intent in bundle.routes.matters} <= shown
    assert "always · priority 10" in shown


@pytest.mark.parametrize("draw", [flow_svg, routes_svg])
def test_no_two_boxes_overlap_and_all_are_on_the_page(bundle: Bundle, draw: object) -> None:
    svg = draw(bundle)  # type: ignore[operator]
    page = ElementTree.fromstring(svg)
    width, height = int(page.get("width", "")), int(page.get("height", ""))
    found = list(boxes(svg))
    assert all(x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height for x0, y0, x1, y1 in found)
    for one, other in combinations(found, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)


NODES = [f"n{number}" for number in range(12)]


@given(st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=40))
def test_any_graph_can_be_laid_out(lines: list[tuple[str, str]]) -> None:
    placed = place(NODES, lines, ["n0"])
    assert set(placed) == set(NODES)
    for one, other in combinations(placed.values(), 2):
        assert one.layer != other.layer or abs(one.row - other.row) >= 0.999
