"""Rules of the routes: every name exists, every queue has hours and callers, keys reach everything, emergencies never close."""

from __future__ import annotations

from collections.abc import Iterator

import phonenumbers

from dialogs.data.errors import Problem
from dialogs.data.flow import Flow, Route
from dialogs.data.lint.sources import Sources
from dialogs.data.prompts import PromptBook, PromptKind
from dialogs.data.routes import MenuOption, Routes
from dialogs.data.source import nearest

MOST_OPTIONS = 8


def check(sources: Sources, routes: Routes, flow: Flow, prompts: PromptBook) -> Iterator[Problem]:
    """All rules of the routes."""
    broken = [*_unknown_names(sources, routes), *_menu_targets(sources, routes, flow)]
    yield from broken
    yield from _lines(sources, routes, flow, prompts)
    yield from _callback(sources, routes)
    if not broken:
        yield from _queues(sources, routes)
        yield from _emergencies(sources, routes)
        yield from _unused_queues(sources, routes, flow)
        yield from _keys(sources, routes)
        yield from _messages(sources, routes, prompts)


def _unknown_names(sources: Sources, routes: Routes) -> Iterator[Problem]:
    document, queues, matters = sources.routes, list(routes.queues), list(routes.matters)
    named: list[tuple[tuple[str | int, ...], str | None, list[str], str]] = [
        (("default_queue",), routes.default_queue, queues, "queue")
    ]
    for name, queue in routes.queues.items():
        named.append((("queues", name, "hours"), queue.hours, list(routes.hours), "hours"))
        named.append((("queues", name, "overflow"), queue.overflow, queues, "queue"))
    for name, matter in routes.matters.items():
        named.append((("matters", name, "queue"), matter.queue, queues, "queue"))
        named.append((("matters", name, "human"), matter.human, queues, "queue"))
    for segment, line in routes.segments.items():
        named.append((("segments", segment.value, "queue"), line.queue, queues, "queue"))
        named.append((("segments", segment.value, "adviser"), line.adviser, queues, "queue"))
        named += [
            (("segments", segment.value, "takes"), intent, matters, "matter") for intent in line.takes if line.takes != "all"
        ]
    named += [(("languages", "short", language), queue, queues, "queue") for language, queue in routes.languages.short.items()]
    named += [(("emergency_keys", key), intent, matters, "matter") for key, intent in routes.emergency_keys.items()]
    for at, exception in enumerate(routes.exceptions):
        named += [(("exceptions", at, "only"), hours, list(routes.hours), "hours") for hours in exception.only]
    for at, prior in enumerate(routes.tenure):
        named += [(("tenure", at, "favours"), intent, matters, "matter") for intent in prior.favours]
    for at, place in enumerate(routes.screens):
        named += [(("screens", at, "favours"), intent, matters, "matter") for intent in place.favours]
    for where, wanted, known, kind in named:
        if wanted is not None and wanted not in known:
            yield document.problem(where, f"no {kind} called '{wanted}'", nearest(wanted, known))


def _menu_targets(sources: Sources, routes: Routes, flow: Flow) -> Iterator[Problem]:
    if "main" not in routes.menus:
        yield sources.routes.problem(("menus",), "there is no main menu", "Add 'main'")
    taken = {routes.keys.emergency, routes.keys.human, routes.keys.main_menu, routes.keys.repeat}
    for menu, options in routes.menus.items():
        if len(options) > MOST_OPTIONS:
            what = f"{len(options)} options are more than anyone can keep in mind"
            yield sources.routes.problem(("menus", menu), what, "Move some into a menu below", warning=True)
        for key, option in options.items():
            where = ("menus", menu, key)
            if key in taken or key not in "123456789" or len(key) != 1:
                yield sources.routes.problem(
                    where, f"key '{key}' cannot be an option", f"Taken everywhere: {', '.join(sorted(taken))}"
                )
            yield from _menu_option(sources, routes, flow, where, option)


def _menu_option(
    sources: Sources, routes: Routes, flow: Flow, where: tuple[str, str, str], option: MenuOption
) -> Iterator[Problem]:
    document = sources.routes
    given = [name for name in ("menu", "intents", "step", "language", "command") if getattr(option, name)]
    if len(given) != 1:
        yield document.problem(
            where, f"leads to {' and '.join(given) or 'nothing'}", "Give one of menu, intents, step, language, command"
        )
    known: dict[str, list[str]] = {
        "menu": list(routes.menus),
        "step": list(flow.steps),
        "language": [
            "other",
            *routes.languages.short,
            *(language for line in routes.lines.values() for language in line.languages),
        ],
        "command": list(flow.commands),
    }
    for field, names in known.items():
        value = getattr(option, field)
        if value is not None and value not in names:
            yield document.problem((*where, field), f"no {field} called '{value}'", nearest(value, names))
    unknown = [intent for intent in option.intents if intent not in routes.matters]
    for intent in unknown:
        yield document.problem((*where, "intents"), f"no matter called '{intent}'", nearest(intent, list(routes.matters)))
    if (
        not unknown
        and len({routes.human_queue(intent) for intent in option.intents if routes.matters[intent].queue in routes.queues}) > 1
    ):
        yield document.problem(
            (*where, "intents"), "one key stands for matters of different queues", "Give each queue its own key"
        )


def _lines(sources: Sources, routes: Routes, flow: Flow, prompts: PromptBook) -> Iterator[Problem]:
    if not routes.lines:
        yield sources.routes.problem(("lines",), "there is no line to call", "Add 'main'")
    for name, line in routes.lines.items():
        if line.start is not None and line.start not in flow.steps:
            yield sources.routes.problem(
                ("lines", name, "start"), f"no step called '{line.start}'", nearest(line.start, list(flow.steps))
            )
        for number in line.numbers:
            if not _can_be_called(number):
                fix = "Write it in full, such as +48225550100"
                yield sources.routes.problem(("lines", name, "numbers"), f"'{number}' is no telephone number", fix)
        for language in line.languages:
            if language not in prompts.languages:
                what = f"the conversation cannot be held in '{language}'"
                fix = f"Add prompts/{language}.yml with every prompt, or list it under languages.short"
                yield sources.routes.problem(("lines", name, "languages"), what, fix)


def _can_be_called(number: str) -> bool:
    try:
        return number.startswith("+") and phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


def _callback(sources: Sources, routes: Routes) -> Iterator[Problem]:
    if routes.callback.cli in routes.own_numbers:
        what = "callbacks cannot come from the hotline's own number: it only receives, and operators block calls from it"
        yield sources.routes.problem(("callback", "cli"), what, "Give the number outbound calls are made from")
    if routes.callback.not_before >= routes.callback.not_after:
        yield sources.routes.problem(
            ("callback", "not_before"), "the window for callbacks is empty", "Let it start before it ends"
        )


def _queues(sources: Sources, routes: Routes) -> Iterator[Problem]:
    default = routes.queues[routes.default_queue]
    if default.self_service:
        yield sources.routes.problem(("default_queue",), "the default queue has no people", "Choose a queue with agents")
    elif not routes.hours[default.hours].always:
        what = "the default queue is not open around the clock: at night a call in trouble has nowhere to go"
        yield sources.routes.problem(("default_queue",), what, "Give it hours that never close", warning=True)
    for name, spec in routes.hours.items():
        if not any(spec.week):
            yield sources.routes.problem(("hours", name), "these hours are never open", "Give at least one day hours")


def _emergencies(sources: Sources, routes: Routes) -> Iterator[Problem]:
    document = sources.routes
    for name, matter in routes.matters.items():
        if matter.emergency and not routes.queues[matter.queue].emergency:
            yield document.problem(
                ("matters", name, "queue"), "an emergency goes to an ordinary queue", "Mark the queue 'emergency: true'"
            )
        if matter.emergency and matter.message:
            yield document.problem(("matters", name, "message"), "an emergency is never answered by a message", "Remove it")
    for name, queue in routes.queues.items():
        closing = [at for at, exception in enumerate(routes.exceptions) if queue.emergency and queue.hours in exception.only]
        if queue.emergency and (not routes.hours[queue.hours].always or queue.self_service):
            yield document.problem(
                ("queues", name, "hours"), "an emergency queue can be closed", "Give it hours that never close"
            )
        for at in closing:
            yield document.problem(("exceptions", at, "only"), f"closes the emergency queue '{name}'", "Leave those hours out")
    for key, intent in routes.emergency_keys.items():
        if not routes.is_emergency(intent):
            yield document.problem(("emergency_keys", key), f"'{intent}' is no emergency", "Name an emergency")
    if not routes.emergency_keys:
        yield document.problem(("emergency_keys",), "no emergency can be reached by keys", "Give each emergency a key")


def _unused_queues(sources: Sources, routes: Routes, flow: Flow) -> Iterator[Problem]:
    used = {routes.default_queue, *routes.languages.short.values()}
    used |= {queue for matter in routes.matters.values() for queue in (matter.queue, matter.human) if queue}
    used |= {queue for line in routes.segments.values() for queue in (line.queue, line.adviser) if queue}
    used |= {queue.overflow for queue in routes.queues.values() if queue.overflow}
    used |= {step.to for step in flow.steps.values() if isinstance(step, Route)}
    for name in routes.queues:
        if name not in used:
            yield sources.routes.problem(
                ("queues", name), "nobody reaches this queue", "Route a matter to it, or remove it", warning=True
            )


def _keys(sources: Sources, routes: Routes) -> Iterator[Problem]:
    """Everything can be done without speaking. The key for a human leads to the matters of those who answer everything."""
    by_keys = set(routes.emergency_keys.values())
    by_keys |= {intent for menu in routes.menus.values() for option in menu.values() for intent in option.intents}
    for name in routes.matters:
        if name not in by_keys and routes.human_queue(name) != routes.default_queue:
            yield sources.routes.problem(("matters", name), "no key leads to this matter", "Add it to a menu")
    below = {option.menu for menu in routes.menus.values() for option in menu.values() if option.menu}
    for name in routes.menus:
        if name != "main" and name not in below:
            yield sources.routes.problem(("menus", name), "no key leads to this menu", "Lead to it from another menu")


def _messages(sources: Sources, routes: Routes, prompts: PromptBook) -> Iterator[Problem]:
    for name, matter in routes.matters.items():
        if routes.queues[matter.queue].self_service and not matter.human:
            yield sources.routes.problem(("matters", name), "nobody stands behind this self-service", "Add 'human: <queue>'")
        if matter.message is None:
            continue
        for language in prompts.languages:
            spec = prompts.files[language].prompts.get(matter.message)
            if spec is None or spec.kind is not PromptKind.MESSAGE:
                what = f"'{matter.message}' is no message in '{language}'"
                yield sources.routes.problem(
                    ("matters", name, "message"), what, f"Add it to prompts/{language}.yml with 'kind: message'"
                )
