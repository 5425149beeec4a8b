"""Rules of the flow: every step leads somewhere, can be reached, and gives up at some point; emergencies cannot be shut out."""

from __future__ import annotations

from collections.abc import Iterator

from dialogs.data.errors import Problem
from dialogs.data.flow import Check, CheckName, Confirmation, Connect, Flow, Question, Route, Statement
from dialogs.data.graph import circles, edges, entries, reachable
from dialogs.data.lint.sources import Sources
from dialogs.data.prompts import PromptBook
from dialogs.data.routes import Routes
from dialogs.data.source import nearest

ANSWERS = frozenset({"matter", "unsure", "several", "yes", "no"})
ROUTES_TO = frozenset({"matter", "human", "second", "last_place", "security", "short_language", "default"})


def check(sources: Sources, flow: Flow, routes: Routes, prompts: PromptBook) -> Iterator[Problem]:
    """All rules of the flow."""
    broken = [*_unknown_steps(sources, flow), *_unknown_names(sources, flow, routes)]
    yield from broken
    yield from _commands(sources, flow, routes)
    yield from _hints(sources, flow, routes)
    if not broken:
        yield from _unreachable(sources, flow, routes)
        yield from _circles(sources, flow)
        yield from _emergencies(sources, flow)


def _unknown_steps(sources: Sources, flow: Flow) -> Iterator[Problem]:
    names = list(flow.steps)
    for label, target in entries(flow):
        if target not in flow.steps:
            entry = ("start",) if label == "start" else ("anywhere", label)
            yield sources.flow.problem(entry, f"no step called '{target}'", nearest(target, names))
    for name, step in flow.steps.items():
        for label, target in edges(step):
            if target not in flow.steps:
                where = (
                    ("steps", name, "answers", label)
                    if label in getattr(step, "answers", {})
                    else ("steps", name, label or "then")
                )
                yield sources.flow.problem(where, f"no step called '{target}'", nearest(target, names))


def _unknown_names(sources: Sources, flow: Flow, routes: Routes) -> Iterator[Problem]:
    for name, step in flow.steps.items():
        if isinstance(step, Check) and step.check not in set(CheckName):
            yield sources.flow.problem(
                ("steps", name, "check"), f"no check called '{step.check}'", nearest(step.check, list(CheckName))
            )
        if isinstance(step, Route) and step.to not in ROUTES_TO and step.to not in routes.queues:
            known = [*ROUTES_TO, *routes.queues]
            yield sources.flow.problem(("steps", name, "to"), f"no queue or route called '{step.to}'", nearest(step.to, known))
        if isinstance(step, Question):
            yield from _unknown_answers(sources, flow, name, step)
            if step.cautious and step.code:
                fix = "Remove it: where an emergency is asked about, every key counts at once"
                yield sources.flow.problem(("steps", name, "code"), "no code is typed at a cautious question", fix)


def _unknown_answers(sources: Sources, flow: Flow, name: str, step: Question) -> Iterator[Problem]:
    known = [*ANSWERS, *flow.commands, *flow.hints, *step.keys.values()]
    for answer in step.answers:
        if answer not in known:
            fix = f"Give it a key, phrases under commands, or hints. {nearest(answer, known)}"
            yield sources.flow.problem(("steps", name, "answers", answer), f"nothing means '{answer}'", fix)
    for key, option in step.keys.items():
        if option not in step.answers:
            yield sources.flow.problem(("steps", name, "keys", key), f"'{option}' leads nowhere", f"Add '{option}' to answers")
        if key not in "12345678" or len(key) != 1:
            yield sources.flow.problem(("steps", name, "keys", key), f"'{key}' cannot be an option's key", "Use 1 to 8")


def _commands(sources: Sources, flow: Flow, routes: Routes) -> Iterator[Problem]:
    """Options and commands can be said in every language of the lines, as they will be heard."""
    languages = {language for line in routes.lines.values() for language in line.languages}
    for name, by_language in flow.commands.items():
        for language in sorted(languages - set(by_language)):
            yield sources.flow.problem(("commands", name), f"no phrases in '{language}'", f"Add phrases under '{language}'")
        for language, phrases in by_language.items():
            for at, phrase in enumerate(phrases):
                if phrase != " ".join("".join(c if c.isalnum() else " " for c in phrase.casefold()).split()):
                    fix = "Write it in lower case, words only, one space between"
                    yield sources.flow.problem(("commands", name, language, at), f"'{phrase}' can never be heard like that", fix)


def _hints(sources: Sources, flow: Flow, routes: Routes) -> Iterator[Problem]:
    """Hints can be heard in every language of the lines, and mean something."""
    languages = {language for line in routes.lines.values() for language in line.languages}
    for section, hinted in (("hints", flow.hints), ("doubts", flow.doubts)):
        for name, by_language in hinted.items():
            for language in sorted(languages - set(by_language)):
                fix = f"Add beginnings of words under '{language}'"
                yield sources.flow.problem((section, name), f"no entries in '{language}'", fix)
            for language, written in by_language.items():
                for at, entry in enumerate(written):
                    if all(stem.startswith("!") for stem in entry.split()):
                        fix = "Write what must be heard before what must not"
                        yield sources.flow.problem((section, name, language, at), f"'{entry}' asks for nothing to be heard", fix)
    for name in flow.doubts:
        if not routes.is_emergency(name):
            yield sources.flow.problem(("doubts", name), f"'{name}' is no emergency", "Doubts are for emergencies only")


def _only_connects(flow: Flow, name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Every way from this step leads to a connect step, past nothing that asks or closes. Proof by the app may be asked
    for: it has a way out at any time, and ends by itself.
    """
    step = flow.steps[name]
    if isinstance(step, Connect):
        return True
    passes = isinstance(step, Check | Confirmation | Statement) and name not in seen
    return passes and all(_only_connects(flow, target, seen | {name}) for _, target in edges(step))


def _unreachable(sources: Sources, flow: Flow, routes: Routes) -> Iterator[Problem]:
    starts = [target for _, target in entries(flow)]
    starts += [line.start for line in routes.lines.values() if line.start]
    starts += [option.step for menu in routes.menus.values() for option in menu.values() if option.step]
    found = reachable(flow, starts)
    for name in flow.steps:
        if name not in found:
            yield sources.flow.problem(("steps", name), "no step leads here", "Lead to it from a step, or remove it")


def _circles(sources: Sources, flow: Flow) -> Iterator[Problem]:
    for path in circles(flow):
        way = " → ".join((*path, path[0]))
        yield sources.flow.problem(
            ("steps", path[0]), f"loop without a counter: {way}", "Put a question in it, or lead out of it"
        )


def _emergencies(sources: Sources, flow: Flow) -> Iterator[Problem]:
    """Between the words that show an emergency and its hand-off stands one confirmation at most, and no closed door."""
    unsure = flow.steps[flow.anywhere.emergency_unsure]
    if not isinstance(unsure, Question) or not unsure.cautious or not {"yes", "no"} <= set(unsure.answers):
        fix = "Make it a question with 'cautious: true' and answers yes and no"
        yield sources.flow.problem(("anywhere", "emergency_unsure"), "an emergency could be lost here", fix)
    else:
        yield from _straight_to_connect(sources, flow, unsure.answers["yes"])
        yield from _straight_to_connect(sources, flow, unsure.spent)
    for entry in (flow.anywhere.emergency, flow.anywhere.security_key):
        yield from _straight_to_connect(sources, flow, entry)


def _straight_to_connect(sources: Sources, flow: Flow, name: str) -> Iterator[Problem]:
    step = flow.steps[name]
    if not isinstance(step, Route):
        fix = "Lead to a route, and from it to a connect step"
        yield sources.flow.problem(("steps", name), "an emergency must go straight to its queue", fix)
        return
    if step.message:
        yield sources.flow.problem(("steps", name, "message"), "an emergency is never answered by a message", "Remove it")
    for way in ("open", "closed"):
        target = getattr(step, way)
        if not _only_connects(flow, target):
            fix = "Lead to a connect step, at any hour"
            yield sources.flow.problem(("steps", name, way), "an emergency can be closed here", fix)
