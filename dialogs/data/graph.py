"""The flow as a graph: which step leads to which, on what answer."""

from __future__ import annotations

from collections.abc import Iterator

from dialogs.data.flow import (
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

Edge = tuple[str, str]
"""What the caller says or what happens, and the step it leads to."""

WAITING = (Question, Menu, Collect, Connect, Confirmation, Request, Farewell)
"""Kinds of steps that wait for something to happen (or end the call); each bounds how often it does."""


def edges(step: Step) -> list[Edge]:
    """Where this step leads to by itself (what holds everywhere is not in it)."""
    match step:
        case Statement() | Message() | Survey():
            return [("", step.then)]
        case Confirmation():
            return [*step.answers.items(), ("", step.then)]
        case Check():
            return [("yes", step.yes), ("no", step.no)]
        case Question():
            anything = [("anything", step.anything)] if step.anything else []
            unanswered = [("unanswered", step.unanswered)] if step.unanswered else []
            return [*step.answers.items(), *anything, ("spent", step.spent), *unanswered, *_code(step)]
        case Menu():
            return [*step.answers.items(), ("spent", step.spent), *_code(step)]
        case Route():
            ways = {"open": step.open, "closed": step.closed, "long_wait": step.long_wait, "message": step.message}
            return [(way, target) for way, target in ways.items() if target]
        case Connect():
            return list(step.answers.items())
        case Collect():
            return [("collected", step.collected), ("refused", step.refused), ("spent", step.spent)]
        case Request():
            return [("done", step.done), ("failed", step.failed)]
        case Farewell():
            return []


def _code(step: Question | Menu) -> list[Edge]:
    return [("code", step.code)] if step.code else []


def entries(flow: Flow) -> list[Edge]:
    """Steps that can be entered from anywhere, by what leads to them."""
    return [("start", flow.start), *((name, getattr(flow.anywhere, name)) for name in type(flow.anywhere).model_fields)]


def reachable(flow: Flow, starts: list[str]) -> frozenset[str]:
    """Every step that can be reached from these."""
    found: set[str] = set()
    todo = [name for name in starts if name in flow.steps]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        todo += [target for _, target in edges(flow.steps[name]) if target in flow.steps]
    return frozenset(found)


def circles(flow: Flow) -> Iterator[tuple[str, ...]]:
    """Loops of steps none of which waits for the caller: such a call would never get out."""
    passing = {name for name, step in flow.steps.items() if not isinstance(step, WAITING)}
    seen: set[frozenset[str]] = set()
    for start in sorted(passing):
        path = _circle_from(flow, start, passing)
        if path and frozenset(path) not in seen:
            seen.add(frozenset(path))
            yield path


def _circle_from(flow: Flow, start: str, passing: set[str]) -> tuple[str, ...] | None:
    todo: list[tuple[str, ...]] = [(start,)]
    while todo:
        path = todo.pop()
        for _, target in edges(flow.steps[path[-1]]):
            if target == start:
                return path
            if target in passing and target not in path:
                todo.append((*path, target))
    return None
