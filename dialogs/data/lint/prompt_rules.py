"""Rules of the prompts: none is missing in a language, each asks only for values that exist, wordings differ."""

from __future__ import annotations

from collections.abc import Iterator

from dialogs.data.errors import Problem
from dialogs.data.flow import Collect, Confirmation, Connect, Farewell, Flow, Menu, Question, Statement, Step
from dialogs.data.hours import DAYS
from dialogs.data.lint.sources import Sources
from dialogs.data.mail import PREFIX as MAIL
from dialogs.data.prompts import ALONE, BUTTON, FAR_DAY, NESTED, PROOF, PromptBook, PromptKind
from dialogs.data.routes import Routes
from dialogs.data.spoken_values import KNOWN_VALUES
from dialogs.data.whisper import NEEDED, PREFIXES

Use = tuple[str, str]
"""A prompt id and where it is used."""


def check(sources: Sources, flow: Flow, routes: Routes, prompts: PromptBook) -> Iterator[Problem]:
    """All rules of the prompts."""
    used = list(_used(flow, routes))
    yield from _missing(sources, prompts, used)
    yield from _values(sources, prompts)
    yield from _recordings(sources, prompts)
    yield from _repeated_questions(sources, flow)
    yield from _unapproved(sources, prompts)
    yield from _unused(sources, prompts, used)


def _used(flow: Flow, routes: Routes) -> Iterator[Use]:
    for name, step in flow.steps.items():
        for prompt_id in prompts_of(step):
            yield prompt_id, f"flow.yml, step '{name}'"
    for field in type(flow.says).model_fields:
        yield getattr(flow.says, field), f"flow.yml, says.{field}"
    for menu, options in routes.menus.items():
        for key, option in options.items():
            yield option.say, f"routes.yml, menus.{menu}.{key}"
    for intent in (*routes.matters, "unknown"):
        yield f"matter.{intent}", "the name of a matter"
    for day in ("today", "tomorrow", "unknown", *DAYS):
        yield f"day.{day}", "the day a queue opens"
    for name, matter in routes.matters.items():
        if matter.message:
            yield matter.message, f"routes.yml, matters.{name}"
    whispered = next((name for name, queue in routes.queues.items() if queue.whisper), None)
    if whispered is not None:
        for prompt_id in NEEDED:
            yield prompt_id, f"routes.yml, queues.{whispered}: what its agents hear first"


def prompts_of(step: Step) -> tuple[str, ...]:
    """The prompts a step names."""
    match step:
        case Question():
            named = (*step.ask, *step.silent, step.help, step.option)
        case Menu():
            named = (step.intro, step.again, step.option, step.closing, step.help, step.short)
        case Statement() | Farewell():
            named = step.tell
        case Confirmation():
            named = (*step.tell, step.words, step.pair, step.again, step.close, *step.waiting, step.help)
        case Connect():
            named = step.announce
        case Collect():
            named = step.ask
        case _:
            named = ()
    return tuple(prompt_id for prompt_id in named if prompt_id)


def _missing(sources: Sources, prompts: PromptBook, used: list[Use]) -> Iterator[Problem]:
    for language in prompts.languages:
        for prompt_id, where in dict(used).items():
            if not prompts.has(prompt_id, language):
                yield sources.prompts[language].problem(
                    ("prompts",), f"'{prompt_id}' is missing in '{language}'", f"Add it: it is used by {where}"
                )


def _values(sources: Sources, prompts: PromptBook) -> Iterator[Problem]:
    for language, file in prompts.files.items():
        for prompt_id in file.prompts:
            for name, kind in prompts.places(prompt_id, language):
                where = ("prompts", prompt_id)
                if name not in KNOWN_VALUES:
                    fix = f"Known: {', '.join(KNOWN_VALUES)}"
                    yield sources.prompts[language].problem(where, f"no value called '{name}'", fix)
                elif (KNOWN_VALUES[name] == NESTED) != (kind == NESTED):
                    fix = f"Write it as {{{name}:{KNOWN_VALUES[name]}}}"
                    yield sources.prompts[language].problem(where, f"'{name}' cannot be spoken as '{kind}'", fix)


def _recordings(sources: Sources, prompts: PromptBook) -> Iterator[Problem]:
    for language, file in prompts.files.items():
        for prompt_id, spec in file.prompts.items():
            if spec.recording and not (sources.root / spec.recording).is_file():
                fix = "Put the file there, or remove 'recording' so that the text is synthesised"
                yield sources.prompts[language].problem(
                    ("prompts", prompt_id), f"no recording at {spec.recording}", fix, warning=True
                )
        for said, recording in file.parts.items():
            if not (sources.root / recording).is_file():
                fix = "Put the file there, or remove the part: sentences with it are synthesised then"
                yield sources.prompts[language].problem(("parts", said), f"no recording at {recording}", fix, warning=True)


def _repeated_questions(sources: Sources, flow: Flow) -> Iterator[Problem]:
    """No wording of a question is heard more often than the question is asked."""
    asked: dict[str, str] = {}
    for name, step in flow.steps.items():
        if not isinstance(step, Question | Collect):
            continue
        for prompt_id in (*step.ask, *getattr(step, "silent", ())):
            if prompt_id in asked:
                fix = "Give each attempt and each question its own wording"
                yield sources.flow.problem(("steps", name, "ask"), f"'{prompt_id}' is asked in '{asked[prompt_id]}' already", fix)
            asked[prompt_id] = name


def _unapproved(sources: Sources, prompts: PromptBook) -> Iterator[Problem]:
    for language, file in prompts.files.items():
        for prompt_id, spec in file.prompts.items():
            if spec.kind is not PromptKind.SAY and not spec.approver:
                yield sources.prompts[language].problem(
                    ("prompts", prompt_id), "not approved, so it is not spoken", "Add 'approver' once it is", warning=True
                )


def _unused(sources: Sources, prompts: PromptBook, used: list[Use]) -> Iterator[Problem]:
    known = {FAR_DAY, *(prompt_id for prompt_id, _ in used)}
    for language, file in prompts.files.items():
        for prompt_id, spec in file.prompts.items():
            base = prompt_id.rsplit(".", 1)[0]
            alone = prompt_id.startswith(ALONE) and prompt_id.replace(ALONE, "matter.", 1) in known
            said = prompt_id in known or base in known or prompt_id.startswith((BUTTON, PROOF, MAIL, *PREFIXES)) or alone
            if not said and spec.kind is PromptKind.SAY:
                yield sources.prompts[language].problem(
                    ("prompts", prompt_id), "nobody says this", "Use it, or remove it", warning=True
                )
