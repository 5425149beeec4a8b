"""The routes as a picture: matters with their keys on the left, their queues beside them, and what takes over from a queue."""

from __future__ import annotations

from collections.abc import Iterator

from dialogs.authoring.picture import Box, Picture, Row
from dialogs.authoring.picture_words import word
from dialogs.data.bundle import Bundle
from dialogs.data.routes import MatterRoute, Routes
from dialogs.engine.readings.keys import MAIN_MENU

MATTER, QUEUE, CALLERS, EMERGENCY = "#bfdbfe", "#bbf7d0", "#e9d5ff", "#fecaca"


def routes_picture(bundle: Bundle, language: str) -> Picture:
    """Every matter, segment and language with its queue; names in `language`."""
    boxes = [*_matters(bundle, language), *_callers(bundle.routes, language), *_queues(bundle.routes, language)]
    boxes.reverse()  # Graphviz begins at the bottom: emergencies come first in the routes and belong at the top
    legend = {"matters": MATTER, "queue": QUEUE, "callers": CALLERS, "emergency": EMERGENCY}
    return Picture(
        f"{word(language, 'routes')} · {bundle.root.resolve().name} {bundle.version}",
        tuple(boxes),
        (tuple(box.name for box in boxes if box.name.startswith("(")),),
        tuple((colour, word(language, f"legend.{name}")) for name, colour in legend.items()),
        (word(language, "legend.refused"),),
        hub_remark=word(language, "legend.hub"),
        dashed_remark=word(language, "legend.dashed"),
    )


def _callers(routes: Routes, language: str) -> Iterator[Box]:
    """Who has a queue of their own, whatever the matter: segments and short languages."""
    for segment, line in routes.segments.items():
        if line.queue:
            takes = word(language, "all_matters") if line.takes == "all" else ", ".join(line.takes)
            rows = [Row(takes, line.queue)]
            rows += [Row(word(language, "adviser"), line.adviser)] if line.adviser else []
            title = word(language, "segment", name=segment.value)
            yield Box(f"(segment {segment.value})", title, CALLERS, rows=tuple(rows))
    for name, queue in routes.languages.short.items():
        yield Box(f"(language {name})", word(language, "language", name=name), CALLERS, rows=(Row("", queue),))


def _matters(bundle: Bundle, language: str) -> Iterator[Box]:
    """One box for all matters of a queue, so that it stands beside the queue."""
    routes, keys = bundle.routes, key_paths(bundle.routes)
    for queue in dict.fromkeys(matter.queue for matter in routes.matters.values()):
        theirs = {intent: matter for intent, matter in routes.matters.items() if matter.queue == queue}
        rows = tuple(row for intent, matter in theirs.items() for row in _matter(bundle, intent, matter, keys, language))
        urgent = any(matter.emergency for matter in theirs.values())
        yield Box(f"({queue})", f"→ {queue}", EMERGENCY if urgent else MATTER, rows=rows)


def _matter(bundle: Bundle, intent: str, matter: MatterRoute, keys: dict[str, str], language: str) -> Iterator[Row]:
    spec = bundle.prompts.files[language].prompts.get(f"matter.{intent}")
    named = f"{intent} ({spec.text.rstrip('.')})" if spec else intent
    pressed = f" · {word(language, 'keys', keys=keys[intent])}" if intent in keys else ""
    answered = f" · {matter.message}" if matter.message else ""
    yield Row(f"{named}{pressed}{answered}", matter.queue, names_target=False)
    if matter.human:
        yield Row(word(language, "wants_human"), matter.human)


def key_paths(routes: Routes) -> dict[str, str]:
    """The keys that lead to each matter from the first second, by intent."""
    paths = {intent: f"{routes.keys.emergency} {key}" for key, intent in routes.emergency_keys.items()}
    menus = [("", MAIN_MENU)]
    seen = set()
    while menus:
        before, menu = menus.pop(0)
        seen.add(menu)
        for key, option in routes.menus.get(menu, {}).items():
            path = f"{before} {key}".strip()
            for intent in option.intents:
                paths.setdefault(intent, path)
            if option.menu and option.menu not in seen:
                menus.append((path, option.menu))
    return paths


def _queues(routes: Routes, language: str) -> Iterator[Box]:
    for name, queue in routes.queues.items():
        facts = [word(language, "hours", hours=queue.hours)]
        facts += [word(language, "priority", priority=str(queue.priority))] if queue.priority else []
        facts += [word(language, "self_service")] if queue.self_service else []
        facts += [word(language, "default_queue")] if name == routes.default_queue else []
        rows = (Row(word(language, "overflow"), queue.overflow),) if queue.overflow else ()
        yield Box(name, name, EMERGENCY if queue.emergency else QUEUE, " · ".join(facts), rows=rows)
