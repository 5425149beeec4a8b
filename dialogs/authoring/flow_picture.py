"""The conversation as a picture: every step, every way from it, and what is understood at any moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from dialogs.authoring.picture import Box, Picture, Row
from dialogs.authoring.picture_words import known, word
from dialogs.data.bundle import Bundle
from dialogs.data.flow import (
    Anywhere,
    Check,
    Collect,
    Confirmation,
    Connect,
    Farewell,
    Flow,
    Menu,
    Message,
    Question,
    Request,
    Route,
    Statement,
    Step,
    Survey,
)
from dialogs.data.graph import Edge, edges, reachable
from dialogs.data.lint.prompt_rules import prompts_of
from dialogs.data.prompts import BUTTON, PLACE

LINES, ANYWHERE = "(lines)", "(anywhere)"
"""The boxes that are no steps."""
SAYS, ASKS, DECIDES, HANDS_OVER, ENDS, EMERGENCY = "#f1f5f9", "#bfdbfe", "#fde68a", "#bbf7d0", "#d1d5db", "#fecaca"
EMERGENCIES = ("emergency", "emergency_unsure", "emergency_several", "security_key")
"""The fields of `anywhere` that lead to what is done for emergencies."""


def flow_picture(bundle: Bundle, language: str) -> Picture:
    """Each step with the first words of its text in `language`, and an arrow for each step that a call can go to from it."""
    flow = bundle.flow
    urgent = _for_emergencies(flow)
    boxes = [_lines(bundle, language), _anywhere(bundle, language)]
    boxes += [_box(bundle, name, step, language, urgent=name in urgent) for name, step in flow.steps.items()]
    legend = {"says": SAYS, "asks": ASKS, "decides": DECIDES, "hands_over": HANDS_OVER, "ends": ENDS, "emergency": EMERGENCY}
    return Picture(
        f"{word(language, 'flow')} · {bundle.root.resolve().name} {bundle.version}",
        tuple(boxes),
        ((LINES,), (ANYWHERE,)),
        tuple((colour, word(language, f"legend.{name}")) for name, colour in legend.items()),
        hub_remark=word(language, "legend.hub"),
        dashed_remark=word(language, "legend.dashed"),
    )


def _for_emergencies(flow: Flow) -> frozenset[str]:
    """Steps that a call comes to only by an emergency."""
    ways = {name: getattr(flow.anywhere, name) for name in Anywhere.model_fields}
    urgent = [target for name, target in ways.items() if name in EMERGENCIES]
    ordinary = [flow.start, *(target for name, target in ways.items() if name not in EMERGENCIES)]
    return reachable(flow, urgent) - reachable(flow, ordinary)


def _lines(bundle: Bundle, language: str) -> Box:
    ways = [(name, line.start or bundle.flow.start) for name, line in bundle.routes.lines.items()]
    return Box(LINES, word(language, "lines"), SAYS, rows=_rows(ways))


def _anywhere(bundle: Bundle, language: str) -> Box:
    """What holds at every step, and the keys of the menus that lead to a step."""
    keys = bundle.routes.keys.model_dump()
    ways = [
        (word(language, f"anywhere.{name}", **keys), getattr(bundle.flow.anywhere, name))
        for name in sorted(Anywhere.model_fields, key=lambda name: name not in EMERGENCIES)
    ]
    ways += [
        (word(language, "anywhere.key", keys=f"{menu} {key}"), option.step)
        for menu, options in bundle.routes.menus.items()
        for key, option in options.items()
        if option.step
    ]
    return Box(ANYWHERE, word(language, "anywhere"), EMERGENCY, word(language, "anywhere.note"), rows=_rows(ways))


def _box(bundle: Bundle, name: str, step: Step, language: str, *, urgent: bool) -> Box:
    texts = [text for prompt_id in prompts_of(step) if (text := _text(bundle, prompt_id, language))]
    return Box(
        name,
        name,
        EMERGENCY if urgent else _fill(step),
        _note(step, language),
        _first_words(step, texts, language),
        _rows([(_answer(bundle, answer, language), target) for answer, target in edges(step)]),
        "\n".join(texts),
        word(language, "emergencies") if urgent else "",
    )


def _rows(ways: Iterable[Edge]) -> tuple[Row, ...]:
    """A row for each step that is led to, with all that leads there."""
    answers: dict[str, list[str]] = {}
    for answer, target in ways:
        answers.setdefault(target, []).append(answer)
    return tuple(Row(", ".join(dict.fromkeys(named)), target) for target, named in answers.items())


def _fill(step: Step) -> str:
    match step:
        case Statement() | Message() | Survey():
            return SAYS
        case Question() | Menu() | Collect() | Confirmation():
            return ASKS
        case Check() | Route():
            return DECIDES
        case Connect() | Request():
            return HANDS_OVER
        case Farewell():
            return ENDS
        case _:
            assert_never(step)


def _note(step: Step, language: str) -> str:
    """The kind of the step, and what of it matters most."""
    kind = word(language, f"kind.{step.kind}")
    match step:
        case Question():
            return f"{kind}: {word(language, f'expect.{step.expect.value}')}"
        case Route():
            return f"{kind} {word(language, f'to.{step.to}') if known(f'to.{step.to}') else step.to}"
        case Request():
            return f"{kind}: {word(language, f'request.{step.request}')}"
        case _:
            return kind


def _first_words(step: Step, texts: list[str], language: str) -> str:
    if isinstance(step, Check):
        return word(language, f"check.{step.check}")
    return texts[0] if texts else ""


def _text(bundle: Bundle, prompt_id: str, language: str) -> str:
    """The present wording, values by name; "" where the language has none."""
    spec = bundle.prompts.files[language].prompts.get(prompt_id)
    return PLACE.sub(lambda place: f"[{place.group(1)}]", spec.text) if spec else ""


def _answer(bundle: Bundle, answer: str, language: str) -> str:
    """An answer in words: ours, else those of the button of a bank's own option, else its name."""
    name = f"way.{answer}"
    return word(language, name) if known(name) else _text(bundle, f"{BUTTON}{answer}", language).rstrip(".") or answer
