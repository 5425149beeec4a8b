"""Conversation tests: whole calls written down in YAML, from the caller's situation to where the call must go.

A test expects prompts by id, a queue, a priority, what the agent gets, how the call ends. `means` beside the words says what they
mean: without a classifier that is used, with one the words speak for themselves, and the test shows whether they still arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from caller_id.types import Authentication, Caller
from dialogs.data.bundle import Bundle
from dialogs.data.source import Document, parse, read
from dialogs.events import (
    CallStarted,
    CodeResult,
    Conditions,
    Decided,
    Failed,
    HangUp,
    Remember,
    Say,
    StopRecording,
    Switch,
)
from dialogs.rehearsal.conversation_spec import ConversationFile, ConversationSpec, Expectation, Situation, TurnSpec
from dialogs.rehearsal.meanings import parse_meaning
from dialogs.rehearsal.rehearsal import Exchange, Rehearsal
from nlu.types import Act, Decision, Understander, Understanding


@dataclass(frozen=True, slots=True)
class ConversationResult:
    """One test's outcome: why it failed (nothing: it passed), the call as text, and what happened in it."""

    name: str
    file: str
    line: int
    failures: tuple[str, ...]
    transcript: tuple[str, ...]
    exchanges: tuple[Exchange, ...] = field(repr=False, default=())

    @property
    def passed(self) -> bool:
        """Everything came as expected."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class ConversationReport:
    """All results, in the order of the files."""

    results: tuple[ConversationResult, ...]

    @property
    def failed(self) -> tuple[ConversationResult, ...]:
        """The results of tests that did not pass."""
        return tuple(result for result in self.results if not result.passed)


def find_tests(bundle: Bundle) -> list[Path]:
    """The bundle's own conversation tests."""
    return sorted((bundle.root / "tests").glob("[!.]*.yml"))


def run_tests(bundle: Bundle, understander: Understander | None, paths: Sequence[Path] | None = None) -> ConversationReport:
    """Run conversation tests (the bundle's own without `paths`). Raises BundleError for a test file that cannot be read."""
    results: list[ConversationResult] = []
    for path in find_tests(bundle) if paths is None else paths:
        document = read(path.parent, path.name)
        for place, spec in enumerate(parse(document, ConversationFile).tests):
            results.append(_run(bundle, understander, document, place, spec))
    return ConversationReport(tuple(results))


def _run(
    bundle: Bundle, understander: Understander | None, document: Document, place: int, spec: ConversationSpec
) -> ConversationResult:
    given = spec.given
    at = spec.at if spec.at.tzinfo else spec.at.replace(tzinfo=bundle.calendar.zone)
    call = Rehearsal(bundle, understander, at=at, refuse=given.refuse, app=given.app or "no_app", advisor=given.advisor)
    call.start(
        CallStarted(
            Caller(**spec.caller.model_dump()),
            line=spec.line,
            language=spec.language,
            without=given.without,
            last_queue=given.last_queue,
            preferences=given.preferences,
            channel=spec.channel,
            recorded=given.recorded,
            conditions=_conditions(given),
            app_proof=bool(given.app),
            code=given.code,
        )
    )
    failures: list[str] = []
    for number, turn in enumerate(spec.turns, start=1):
        foresees = spec.turns[number].bot if number < len(spec.turns) else ()
        failures += [f"turn {number}: {failure}" for failure in _take(call, turn, understander, foresees)]
    call.finish_speech()
    failures += check(call, spec.expect)
    return ConversationResult(
        spec.name,
        document.name,
        document.line(("tests", place)),
        tuple(failures),
        tuple(transcript(bundle, call)),
        tuple(call.exchanges),
    )


def _conditions(given: Situation) -> Conditions:
    surge = [Switch("surge", "duty manager", "2026-11-18T08:00")] if given.surge else []
    closed = [Switch("closure", "duty manager", "2026-11-18T08:00", queue) for queue in given.closed]
    return Conditions(tuple(given.waits.items()), (*surge, *closed))


def _take(call: Rehearsal, turn: TurnSpec, understander: Understander | None, foresees: Sequence[str]) -> list[str]:
    """Play one turn, after which the bot should say what the test foresees; what is wrong with it."""
    if turn.bot:
        said = _last_said(call)
        return [] if _in_order(turn.bot, said) else [f"the bot said {said}, not {list(turn.bot)}"]
    if call.over:
        return ["the call was over already"]
    if turn.say is not None or turn.interrupt is not None:
        text = turn.say if turn.say is not None else turn.interrupt or ""
        if turn.interrupt is not None:
            call.interrupt()
        call.say(text, _meaning(turn, text, understander))
        as_foreseen = bool(foresees) and _in_order(foresees, _last_said(call))
        if understander is not None and turn.means is not None and not as_foreseen:
            _answer_back(call, parse_meaning(turn.means, text))
    elif turn.key is not None or turn.keys is not None:
        for key in turn.key or turn.keys or "":
            call.press(key)
    elif turn.silence is not None:
        call.stay_silent(turn.silence or None)
    elif turn.fails is not None:
        call.fail(Failed(turn.fails))
    elif turn.app is not None:
        call.answer_in_app(turn.app)
    elif turn.code is not None:
        call.type_code(_code_result(call, turn.code))
    elif turn.hang_up:
        call.hang_up()
    else:
        call.finish_speech()
    return []


def _code_result(call: Rehearsal, code: str) -> CodeResult | None:
    """What comes of a code; None for digits that are none. The right one is of the customer whom the number suggests, if any."""
    caller = call.dialog.state.caller
    proven = replace(caller, authentication=Authentication.APP, level="app-pin", customer_ref=caller.customer_ref or "customer")
    results = {"right": CodeResult(proven), "too_short": None, "wrong": CodeResult(reason="code")}
    return results[code] if code in results else CodeResult(reason=code)


def _answer_back(call: Rehearsal, meant: Understanding) -> None:
    """A real classifier may ask back where the test did not foresee it: the caller answers truly, by keys."""
    state = call.dialog.state
    if call.over or meant.decision is not Decision.ACCEPT or meant.act in (Act.AGENT, Act.LANGUAGE):
        return
    if meant.intent in state.candidates:
        call.press(str(state.candidates.index(meant.intent) + 1))
    elif state.candidate is not None and not state.candidates:
        call.press("1" if state.candidate.intent == meant.intent else "2")


def _meaning(turn: TurnSpec, text: str, understander: Understander | None) -> Understanding | None:
    """What the turn says it means; with a real classifier only for a doubt, which no words can be relied on to raise."""
    if turn.means is None:
        return None
    meant = parse_meaning(turn.means, text)
    return meant if understander is None or meant.decision in (Decision.CONFIRM, Decision.CHOOSE) else None


def check(call: Rehearsal, expect: Expectation) -> list[str]:
    """What came otherwise than expected."""
    failures = _check_hand_off(call, expect)
    said = [prompt.id for action in call.actions if isinstance(action, Say) for prompt in action.prompts]
    if not _in_order(expect.says, said):
        failures.append(f"expected the bot to say {list(expect.says)} in this order, it said {said}")
    failures += [f"the bot said {prompt}" for prompt in expect.never_says if prompt in said]
    languages = [action.language for action in call.actions if isinstance(action, Say)]
    if expect.says_in is not None and (not languages or languages[-1] != expect.says_in):
        failures.append(f"expected the last words in {expect.says_in}, they were in {languages[-1:]}")
    ends = next((action.reason for action in call.actions if isinstance(action, HangUp)), "caller" if call.over else None)
    if expect.ends is not None and ends != expect.ends:
        failures.append(f"expected the call to end as {expect.ends}, it ended as {ends}")
    return failures + _check_side_effects(call, expect)


def _check_hand_off(call: Rehearsal, expect: Expectation) -> list[str]:
    handed = call.hand_off
    fields = ("queue", "priority", "kind", "segment", "language", "intent", "second", "words", "call_back", "answer_to", "due")
    wanted = {name: getattr(expect, name) for name in fields if getattr(expect, name) is not None}
    if not expect.hand_off:
        return [f"nothing was to be handed over, but the call went to {handed.queue}"] if handed else []
    if handed is None:
        return ["the call was not handed over"] if wanted or expect.tried or expect.hears else []
    failures = [
        f"expected {name} {value!r}, got {getattr(handed, name)!r}"
        for name, value in wanted.items()
        if getattr(handed, name) != value
    ]
    wishes = dict(handed.wishes)
    failures += [
        f"the agent is not told of the wish {name}={value}" for name, value in expect.wishes.items() if wishes.get(name) != value
    ]
    failures += [f"{intent} is not kept for the agent" for intent in expect.others if intent not in handed.others]
    failures += [f"the agent is not told that it is not {intent}" for intent in expect.denied if intent not in handed.denied]
    said = [told.text for told in handed.story if told.what == "said"]
    if not _in_order(expect.hears, said):
        failures.append(f"the agent was to read {list(expect.hears)} in this order, and reads {said}")
    missing = [step for step in expect.tried if step not in handed.tried]
    return failures + ([f"the agent is not told of {missing}, only of {list(handed.tried)}"] if missing else [])


def _check_side_effects(call: Rehearsal, expect: Expectation) -> list[str]:
    failures = []
    for kind, why in expect.decides.items():
        reasons = [action.why for action in call.actions if isinstance(action, Decided) and action.kind == kind]
        if not any(why in reason for reason in reasons):
            failures.append(f"expected a decision '{kind}' about {why!r}, there were {reasons}")
    remembered = [action.preference for action in call.actions if isinstance(action, Remember) and action.on]
    failures += [f"{preference!r} was not remembered" for preference in expect.remembers if preference not in remembered]
    stopped = any(isinstance(action, StopRecording) for action in call.actions)
    if expect.stops_recording is not None and stopped != expect.stops_recording:
        failures.append("the recording was stopped" if stopped else "the recording was not stopped")
    return failures


def _last_said(call: Rehearsal) -> list[str]:
    for exchange in reversed(call.exchanges):
        said = [prompt.id for action in exchange.actions if isinstance(action, Say) for prompt in action.prompts]
        if said:
            return said
    return []


def _in_order(wanted: Sequence[str], said: Sequence[str]) -> bool:
    """Every wanted prompt was said, in this order, whatever came between."""
    rest = iter(said)
    return all(prompt in rest for prompt in wanted)


def transcript(bundle: Bundle, call: Rehearsal) -> list[str]:
    """The call as lines for a person: what happened, what was said, what was decided."""
    lines: list[str] = []
    for exchange in call.exchanges:
        lines.append(
            f"> {type(exchange.event).__name__} {getattr(exchange.event, 'text', getattr(exchange.event, 'key', ''))}".rstrip()
        )
        for action in exchange.actions:
            if isinstance(action, Say):
                texts = (bundle.text(prompt, action.language, exchange.at).text for prompt in action.prompts)
                lines.append(f"  bot ({action.language}): {' '.join(texts)}")
            elif isinstance(action, Decided):
                lines.append(f"  {action.kind}: {action.why}")
            else:
                lines.append(f"  {action}")
    return lines
