"""For the designer: the conversation and the routes as pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogs import Bundle, Dialog
from dialogs.authoring.flow_picture import ANYWHERE, LINES, flow_picture
from dialogs.authoring.picture import Box, Picture, Row, drawn
from dialogs.authoring.routes_picture import routes_picture
from dialogs.data.errors import DrawingError
from dialogs.data.flow import Flow, Menu, Question
from dialogs.data.graph import WAITING, edges
from dialogs.engine.state import CallState
from dialogs.events import CallStarted
from dialogs.rehearsal.conversation_test import run_tests
from dialogs.rehearsal.rehearsal import Exchange
from tests.dialogs.test_properties import BUNDLE, REFUSALS, moments, run, scripts, starts

Way = tuple[str, str]
"""From one step to another; from "" to the first."""

PICTURES = [flow_picture, routes_picture]


class WatchedState(CallState):
    """The state of a call that notes every step entered, and from where."""

    def __init__(self, call_id: str) -> None:
        self.ways: list[Way] = []
        super().__init__(call_id)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "step" and value:
            self.ways.append((self.step, value))
        super().__setattr__(name, value)


def ways_of(bundle: Bundle, exchanges: Iterable[Exchange]) -> list[Way]:
    """The ways that the engine takes from step to step when these events happen again."""
    dialog = Dialog(bundle, call_id="rehearsal")
    dialog.state = state = WatchedState("rehearsal")
    for exchange in exchanges:
        dialog.handle(exchange.event, exchange.at)
    return state.ways


@dataclass(frozen=True)
class Layout:
    """What Graphviz made of a picture, in points."""

    arrows: frozenset[Way]
    boxes: dict[str, tuple[float, float, float, float]]
    texts: dict[str, list[tuple[str, float, float]]]
    """By box: each text with its left and right end."""


def laid_out(picture: Picture) -> Layout:
    made = json.loads(drawn(picture, "json"))
    nodes = {node["_gvid"]: node for node in made["objects"] if "pos" in node}
    arrows = {(nodes[edge["tail"]]["name"], nodes[edge["head"]]["name"]) for edge in made["edges"] if edge["_draw_"]}
    return Layout(
        frozenset(arrows),
        {node["name"]: _rectangle(node) for node in nodes.values()},
        {node["name"]: list(_texts(node["_ldraw_"])) for node in nodes.values()},
    )


def _rectangle(node: dict[str, Any]) -> tuple[float, float, float, float]:
    x, y = map(float, node["pos"].split(","))
    width, height = float(node["width"]) * 72, float(node["height"]) * 72
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _texts(drawing: list[dict[str, Any]]) -> Iterator[tuple[str, float, float]]:
    for one in drawing:
        if one["op"] == "T":
            x, width = one["pt"][0], one["width"]
            left = x - {"l": 0.0, "c": width / 2, "r": width}[one["align"]]
            yield one["text"], left, left + width


@pytest.fixture(scope="module")
def arrows(bundle: Bundle) -> frozenset[Way]:
    return laid_out(flow_picture(bundle, "pl")).arrows


def not_drawn(ways: Iterable[Way], arrows: frozenset[Way], flow: Flow) -> set[Way]:
    """Ways without an arrow. Only where a step waits for the caller do the arrows of "at any moment" hold."""
    waiting = {name for name, step in flow.steps.items() if isinstance(step, WAITING)}
    return {
        (source, target)
        for source, target in ways
        if (source or LINES, target) not in arrows and not (source in waiting and _is_drawn(source, target, arrows, flow))
    }


def _is_drawn(source: str, target: str, arrows: frozenset[Way], flow: Flow) -> bool:
    """The question is asked again, or the step is one that is entered from anywhere."""
    again = source == target and isinstance(flow.steps[source], Question | Menu)
    return again or (ANYWHERE, target) in arrows


# ---------------------------------------------------------------- every way is drawn


def test_every_way_that_the_flow_names_has_an_arrow_of_its_own(bundle: Bundle, arrows: frozenset[Way]) -> None:
    flow = bundle.flow
    named = {(name, target) for name, step in flow.steps.items() for _, target in edges(step)}
    assert named <= arrows
    assert {(ANYWHERE, target) for target in flow.anywhere.model_dump().values()} <= arrows
    assert {(LINES, line.start or flow.start) for line in bundle.routes.lines.values()} <= arrows
    assert ("can_we_hear", "menu") in arrows


def test_every_way_that_the_conversation_tests_take_is_drawn(bundle: Bundle, arrows: frozenset[Way]) -> None:
    taken = {way for result in run_tests(bundle, None).results for way in ways_of(bundle, result.exchanges)}
    assert not_drawn(taken, arrows, bundle.flow) == set()
    assert len(taken) > 80, "the calls are too few to prove anything"
    assert ("can_we_hear", "menu") in taken


DRAWN = laid_out(flow_picture(BUNDLE, "en")).arrows


@settings(max_examples=250, deadline=None)
@given(starts, scripts, moments, st.sampled_from(REFUSALS))
def test_every_way_that_the_engine_takes_at_random_is_drawn(
    start: CallStarted, script: list[tuple[str, Any]], at: datetime, refuse: tuple[str, ...]
) -> None:
    taken = ways_of(BUNDLE, run(start, script, at, refuse).exchanges)
    assert taken or "voice" in start.without
    assert not_drawn(taken, DRAWN, BUNDLE.flow) == set()


def test_a_way_that_is_not_drawn_is_noticed(bundle: Bundle, arrows: frozenset[Way]) -> None:
    """What holds at any moment does not excuse an arrow that is missing where nobody is asked."""
    hears, human = ("can_we_hear", "menu"), ("agent_offer", "human")
    assert not_drawn([hears, human], arrows - {hears, human}, bundle.flow) == {hears}
    assert not_drawn([("welcome", "done")], arrows, bundle.flow) == {("welcome", "done")}


def test_a_key_of_a_menu_that_leads_to_a_step_is_drawn(bundle: Bundle) -> None:
    main = bundle.routes.menus["main"]
    menus = {**bundle.routes.menus, "main": {**main, "8": main["8"].model_copy(update={"menu": None, "step": "survey"})}}
    changed = replace(bundle, routes=bundle.routes.model_copy(update={"menus": menus}))
    assert (ANYWHERE, "survey") not in flow_picture(bundle, "pl").arrows
    assert (ANYWHERE, "survey") in flow_picture(changed, "pl").arrows


def test_every_matter_segment_and_overflow_leads_to_its_queue(bundle: Bundle) -> None:
    routes, made = bundle.routes, laid_out(routes_picture(bundle, "pl"))
    assert {(f"({matter.queue})", matter.queue) for matter in routes.matters.values()} <= made.arrows
    assert {(f"({matter.queue})", matter.human) for matter in routes.matters.values() if matter.human} <= made.arrows
    assert {(f"(segment {name.value})", line.queue) for name, line in routes.segments.items() if line.queue} <= made.arrows
    assert {(name, queue.overflow) for name, queue in bundle.queues.items() if queue.overflow} <= made.arrows
    shown = {text.strip() for texts in made.texts.values() for text, _, _ in texts}
    assert set(bundle.queues) <= shown
    assert "mortgage (kredyt hipoteczny) · klawisze 3 2" in shown
    assert "card_block (zastrzeżenie karty) · klawisze 9 1" in shown
    assert "godziny: always · kolejka domyślna ★" in shown


# ---------------------------------------------------------------- it can be read


@pytest.mark.parametrize("language", ["pl", "en"])
@pytest.mark.parametrize("draw", PICTURES)
def test_no_box_touches_another_and_no_text_touches_its_box(
    bundle: Bundle, draw: Callable[[Bundle, str], Picture], language: str
) -> None:
    made = laid_out(draw(bundle, language))
    for (one, a), (other, b) in combinations(made.boxes.items(), 2):
        apart = a[2] + 4 <= b[0] or b[2] + 4 <= a[0] or a[3] + 4 <= b[1] or b[3] + 4 <= a[1]
        assert apart, (one, other)
    for box, texts in made.texts.items():
        left, _, right, _ = made.boxes[box]
        assert texts, box
        assert all(left + 2 <= start and end <= right - 2 for _, start, end in texts), (box, texts)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("pl", ["W każdej chwili", "pytanie: otwarte", "W czym mogę pomóc?", "sprawa jasna → route", "Czy rozpoznajemy mowę?"]),
        (
            "en",
            ["At any moment", "question: open", "How may I help you?", "matter understood → route", "Can speech be understood?"],
        ),
    ],
)
def test_the_words_are_the_banks_language(bundle: Bundle, language: str, expected: list[str]) -> None:
    shown = {text.strip() for texts in laid_out(flow_picture(bundle, language)).texts.values() for text, _, _ in texts}
    assert set(expected) <= shown
    assert set(bundle.flow.steps) <= shown


def test_an_options_own_name_is_the_button_of_the_chat_or_its_id(bundle: Bundle) -> None:
    closed = bundle.flow.steps["closed"]
    assert isinstance(closed, Question)
    answers = {**closed.answers, "rebook": "done"}
    steps = {**bundle.flow.steps, "closed": closed.model_copy(update={"answers": answers})}
    picture = flow_picture(replace(bundle, flow=bundle.flow.model_copy(update={"steps": steps})), "pl")
    (box,) = [box for box in picture.boxes if box.name == "closed"]
    assert any("rebook" in row.text and row.target == "done" for row in box.rows)


def test_emergencies_stand_in_a_frame_of_their_own(bundle: Bundle) -> None:
    framed = {box.name for box in flow_picture(bundle, "en").boxes if box.group == "Emergencies"}
    assert framed == {
        *("emergency", "emergency_confirm", "emergency_choose", "connect_emergency"),
        *("security", "connect_security", "matter_after_all", "advisor_question_due", "advisor_question"),
    }


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(("form", "begins"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG"), ("dot", b"digraph")])
def test_each_format_is_what_it_says(bundle: Bundle, form: Any, begins: bytes) -> None:
    assert drawn(routes_picture(bundle, "pl"), form).startswith(begins)


def test_in_a_browser_a_box_shows_all_its_wordings(bundle: Bundle) -> None:
    svg = drawn(flow_picture(bundle, "pl"), "svg").decode()
    titles = {
        link.get("{http://www.w3.org/1999/xlink}title") for link in ElementTree.fromstring(svg).iter() if link.tag.endswith("}a")
    }
    assert any("W czym mogę pomóc?\nTo infolinia banku." in (title or "") for title in titles)


def test_without_graphviz_it_is_said_how_to_install_it(bundle: Bundle) -> None:
    picture = flow_picture(bundle, "pl")
    with pytest.raises(DrawingError, match=r"'no-such-dot' cannot be started.*apt-get install graphviz.*--format dot"):
        drawn(picture, program="no-such-dot")
    assert drawn(picture, "dot", program="no-such-dot").startswith(b"digraph"), "the description needs nobody"


def test_what_graphviz_complains_of_is_passed_on(bundle: Bundle) -> None:
    with pytest.raises(DrawingError, match="could not draw"):
        drawn(flow_picture(bundle, "pl"), program="false")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=2, max_size=4, unique=True), st.text(max_size=80))
def test_no_name_and_no_text_breaks_a_picture(names: list[str], text: str) -> None:
    """Quotes, brackets, backslashes, arrows, emoji: a bank may write anything."""
    boxes = [Box(f"b{place}", name, "#ffffff", text, text, (Row(text, "b0"),), text) for place, name in enumerate(names)]
    made = laid_out(Picture(text, tuple(boxes), (("b0",),), (("#ffffff", text),), (text,)))
    assert made.arrows == {(f"b{place}", "b0") for place in range(len(names))}
