"""`make bench-mail`: how well mails are steered, on invented ones in `bench/mails`: never training data.

Every other mail was used to choose how mails are read; the other half is what counts.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from ruamel.yaml import YAML

from dialogs.data.bundle import Bundle, load_bundle
from nlu.types import AGENT, OUT_OF_SCOPE, Hypothesis, Understanding
from voicebot.figures.estimates import wilson
from voicebot.mail.steering import Mail, MailSteering, whole
from voicebot.tables import show_table
from voicebot.understanding.service import UnderstandingService, load_understanding
from voicebot.understanding.settings import NluSettings

FOLDER = Path(__file__).parent / "mails"
LANGUAGES = ("pl", "en")
SHORT, LONG = 20, 70
"""Words of the text: fewer is short, more is long."""


@dataclass(frozen=True, slots=True)
class Invented:
    """A mail, and what it is about."""

    language: str
    subject: str
    text: str
    wants: str
    """The matter asked for first, or out_of_scope."""
    then: str | None
    held_out: bool

    @property
    def length(self) -> str:
        """short, middle or long."""
        words = len(self.text.split())
        return "short" if words < SHORT else "long" if words > LONG else "middle"


@dataclass(frozen=True, slots=True)
class Answered:
    """A mail and what was made of it."""

    mail: Invented
    intent: str | None
    """None: a person reads it."""
    queue: str
    right_queue: str

    @property
    def in_scope(self) -> bool:
        """A bank's matter is asked for."""
        return self.mail.wants != OUT_OF_SCOPE


def read_mails(language: str) -> list[Invented]:
    """Those of one language, in order."""
    document = YAML(typ="safe").load((FOLDER / f"{language}.yml").read_text(encoding="utf-8"))
    return [
        Invented(language, each["subject"], each["text"], each["wants"], each.get("then"), held_out=at % 2 == 1)
        for at, each in enumerate(document)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.mail", description=__doc__)
    parser.add_argument("--half", choices=("held-out", "chosen-on"), default="held-out", help="which half of the mails")
    parser.add_argument("--wrong", action="store_true", help="list the mails that went wrong")
    asked = parser.parse_args(arguments)
    console = Console(width=160)
    bundle = load_bundle()
    understanding = load_understanding(NluSettings(), LANGUAGES)
    mails = [each for lang in LANGUAGES for each in read_mails(lang) if each.held_out == (asked.half == "held-out")]
    steering = MailSteering(lambda: understanding, lambda: bundle, clock=lambda: datetime.now(UTC))
    began = time.perf_counter()
    ours, times = asyncio.run(_ours(steering, mails, bundle))
    console.print(f"{len(mails)} mails ({asked.half}), {time.perf_counter() - began:.0f} s")
    alone = [_as_one(understanding, each, bundle) for each in mails]
    head = ("mails", "n", "right matter", "right queue of those steered", "to a person", "of out of scope, to a person")
    show_table(console, head, [_row(name, some) for name, some in _groups(ours)], tabs=False)
    console.print("\nthe whole mail, uncut, as one utterance, for comparison:")
    show_table(console, head, [_row(name, some) for name, some in _groups(alone)], tabs=False)
    urgent = [each for each in ours if each.in_scope and bundle.routes.is_emergency(each.mail.wants)]
    calm = [each for each in ours if not bundle.routes.is_emergency(each.mail.wants)]
    console.print(f"\nemergencies found as one: {_share(urgent, lambda each: bundle.routes.is_emergency(each.intent))}")
    console.print(f"others taken for an emergency: {_share(calm, lambda each: bundle.routes.is_emergency(each.intent))}")
    console.print(f"one mail, ms p50 / p95: {np.percentile(times, 50):.0f} / {np.percentile(times, 95):.0f}")
    for each in ours if asked.wrong else ():
        if each.in_scope != (each.intent is not None) or (each.in_scope and each.intent != each.mail.wants):
            console.print(f"{each.mail.language} {each.mail.wants} -> {each.intent}: {each.mail.subject!r}", markup=False)
    return 0


async def _ours(steering: MailSteering, mails: Sequence[Invented], bundle: Bundle) -> tuple[list[Answered], list[float]]:
    found, times = [], []
    for mail in mails:
        began = time.perf_counter()
        steered = await steering.steer(Mail(mail.subject, mail.text, mail.language))
        times.append(1000 * (time.perf_counter() - began))
        found.append(_answered(mail, steered.intent, steered.queue, bundle))
    return found, times


def _as_one(understanding: UnderstandingService, mail: Invented, bundle: Bundle) -> Answered:
    """What the classifier alone says, taken when it would go on without asking back."""
    local = understanding.local
    assert local is not None, "no classifier"
    meant: Understanding = local.understand([Hypothesis(whole(mail.subject, mail.text))], mail.language)
    accepted = meant.decision.value == "accept" and meant.intent != OUT_OF_SCOPE
    return _answered(mail, meant.intent if accepted else None, _queue(bundle, meant.intent if accepted else None), bundle)


def _answered(mail: Invented, intent: str | None, queue: str, bundle: Bundle) -> Answered:
    return Answered(mail, intent, queue, _queue(bundle, mail.wants))


def _queue(bundle: Bundle, intent: str | None) -> str:
    known = intent is not None and intent in bundle.routes.matters
    return bundle.routes.human_queue(str(intent)) if known else bundle.default_queue


def _groups(answered: Sequence[Answered]) -> Iterator[tuple[str, list[Answered]]]:
    for lang in LANGUAGES:
        own = [each for each in answered if each.mail.language == lang]
        yield lang, own
        for length in ("short", "middle", "long"):
            yield f"  {length}", [each for each in own if each.mail.length == length]
    yield "all", list(answered)


def _row(name: str, answered: Sequence[Answered]) -> tuple[str, ...]:
    matters = [each for each in answered if each.in_scope]
    steered = [each for each in matters if each.intent is not None]
    outside = [each for each in answered if not each.in_scope]
    return (
        name,
        str(len(answered)),
        _share(steered, lambda each: each.intent == each.mail.wants),
        _share(steered, lambda each: each.queue == each.right_queue),
        _share(matters, lambda each: each.intent is None),
        _share(outside, lambda each: each.intent in (None, AGENT)),
    )


def _share(answered: Sequence[Answered], right: Callable[[Answered], bool]) -> str:
    hits = sum(map(right, answered))
    if not answered:
        return "-"
    interval = wilson(hits, len(answered))
    return f"{hits / len(answered):.1%} ({interval.low:.0%} to {interval.high:.0%}, {hits}/{len(answered)})"


if __name__ == "__main__":
    sys.exit(main())
