"""One step of the engine in the making: the actions decided so far and the prompts still to be spoken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import groupby

from dialogs.data.bundle import Bundle
from dialogs.engine.state import CallState, Phase
from dialogs.engine.values import prompt_values
from dialogs.events import Action, CollectKeys, Decided, Expect, Listen, Prompt, Remember, Say, Wait

Line = tuple[Prompt, str]


class Turn:
    """Collects what one event leads to. Prompts are gathered and spoken as one `Say` for each run of a language."""

    def __init__(self, bundle: Bundle, state: CallState, now: datetime) -> None:
        self.bundle = bundle
        self.state = state
        self.now = now
        self.actions: list[Action] = []
        self.steps_taken = 0
        self._lines: list[Line] = []

    # ------------------------------------------------------------ saying

    def prompt(self, prompt_id: str, *tags: str | None, language: str | None = None, **extra: str) -> Prompt:
        """The prompt, in its wording for the first of `tags` that has one ("confirm" and "card_block": "confirm.card_block"),
        with the values its text asks for. `extra` values come before those known of the call.
        """
        return self._line(prompt_id, tags, language, extra)[0]

    def _line(self, prompt_id: str, tags: tuple[str | None, ...], language: str | None, extra: Mapping[str, str]) -> Line:
        """The prompt and the language that has it: the one asked for, else the call's, else the bundle's first."""
        prompts = self.bundle.prompts
        candidates = [f"{prompt_id}.{tag}" for tag in tags if tag] + [prompt_id]
        languages = dict.fromkeys((language or self.state.language, self.state.language, prompts.default_language))
        chosen, spoken_in = next(
            ((found, known) for known in languages for found in candidates if prompts.has(found, known)),
            (prompt_id, prompts.default_language),
        )
        return Prompt(chosen, prompt_values(self.bundle, self.state, self.now, chosen, spoken_in, extra)), spoken_in

    def say(self, prompt_id: str, *tags: str | None, language: str | None = None, **extra: str) -> Prompt:
        """Add a prompt to what will be spoken next (see `prompt` for `tags` and `extra`), and return it."""
        line = self._line(prompt_id, tags, language, extra)
        self.add([line])
        return line[0]

    def add(self, lines: list[Line]) -> None:
        """Add prompts made before (a repetition)."""
        self._lines.extend(lines)

    def speak(self, *, barge_in: bool = True) -> None:
        """Emit what was gathered; the last `Say`'s mark is the one that ends the speech."""
        if not self._lines:
            return
        self.state.said = tuple(self._lines)
        self._lines[:0] = [(self.prompt(owed, "short"), self.state.language) for owed in self._owed()]
        speed = self.bundle.flow.patience.slow_speed if "slow" in self.state.preferences else 1.0
        for language, lines in groupby(self._lines, key=lambda line: line[1]):
            self.state.marks += 1
            self.state.mark = f"s{self.state.marks}"
            prompts = tuple(prompt for prompt, _ in lines)
            self._note_notices(prompts)
            self.actions.append(Say(prompts, language, self.state.mark, barge_in, speed))
        self._lines.clear()

    def _owed(self) -> list[str]:
        """Notices that were cut off and are still due: once more in short, and never before an emergency."""
        state = self.state
        if state.suspected:
            return []
        under_way = {prompt_id for _, prompt_id in state.notices_said} | {prompt.id for prompt, _ in self._lines}
        return [due for due in state.notices_due if due not in under_way and state.asked[f"notice:{due}"] == 1]

    def _note_notices(self, prompts: tuple[Prompt, ...]) -> None:
        """Remember which notices this `Say` carries, until it is known whether they were heard."""
        for due in self.state.notices_due:
            if any(prompt.id in (due, f"{due}.short") for prompt in prompts):
                self.state.asked[f"notice:{due}"] += 1
                self.state.notices_said += ((self.state.mark, due),)

    @property
    def has_lines(self) -> bool:
        """Something waits to be spoken."""
        return bool(self._lines)

    # ------------------------------------------------------------ waiting for the caller

    def listen(self, expect: Expect, phase: Phase = Phase.LISTENING, *, code: bool = False) -> None:
        """Speak what was gathered, and listen. `code`: also to the keys of a code of the caller's app, where there are such."""
        self.speak()
        patience = self.bundle.flow.patience
        seconds = {
            Expect.OPEN: patience.open,
            Expect.YES_NO: patience.yes_no,
            Expect.CHOICE: patience.choice,
            Expect.DIGITS: patience.digits,
        }[expect]
        self.state.phase = phase
        code_s = self._patient(patience.code) if code and self.state.codes else 0.0
        self.actions.append(Listen(expect, self._patient(seconds), 20.0, self.state.language, code_s))

    def collect(self, max_digits: int, *, secret: bool = False) -> None:
        """Speak what was gathered, and take a number: by keys, and by voice too unless it is a secret or nothing is heard."""
        self.speak()
        self.state.phase = Phase.COLLECTING
        self.state.digits = ""
        by_voice = not secret and not self.state.deaf
        seconds = self._patient(self.bundle.flow.patience.digits)
        self.actions.append(CollectKeys(max_digits, seconds, secret=secret, by_voice=by_voice, language=self.state.language))

    def wait(self) -> None:
        """Speak what was gathered, and give the caller a moment."""
        before = self.state.said
        self.speak()
        self.state.said = before  # "repeat" means the question, not "take your time"
        self.state.phase = Phase.WAITING
        self.actions.append(Wait(self._patient(self.bundle.flow.patience.wait)))

    def _patient(self, seconds: float) -> float:
        slow = self.state.preferences & {"slow", "patient"}
        return round(seconds * (self.bundle.flow.patience.slow_times if slow else 1.0), 1)

    # ------------------------------------------------------------ deciding

    def decide(self, kind: str, why: str, intent: str | None = None, confidence: float | None = None) -> None:
        """Record a decision and its reason."""
        self.actions.append(Decided(kind, why, intent, confidence))

    def tried(self, what: str) -> None:
        """Note a step for the agent."""
        self.state.tried.append(what)

    def remember(self, preference: str, *, on: bool = True) -> None:
        """Take over a preference, now and for the caller's number."""
        before = self.state.preferences
        self.state.preferences = before | {preference} if on else before - {preference}
        self.actions.append(Remember(preference, on))
