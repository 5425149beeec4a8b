"""The rules of `nlu.tools.lint` about utterances. Each yields (level, rule, where, what, fix)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from nlu.languages.language import fold
from nlu.pack.pack import ACT_LABELS, Pack
from nlu.pack.rasa_yaml import Example
from nlu.text.normalise import canonical, normalise
from nlu.text.redaction.passwords import PASSWORD
from nlu.text.redaction.redact import redact
from nlu.tools.label_errors import find_label_errors
from nlu.tools.likeness import Kind, near_pairs
from nlu.types import OUT_OF_SCOPE
from nlu.understanding.foreign import find_foreign

Found = Iterator[tuple[str, str, Example, str, str]]

_THIN = 15
_LOPSIDED = 10
_LONGEST_SPOKEN = 70
_FOREIGN_WORDS = 4
_LEAST_FOR_LABEL_ERRORS = 3
_SURE_ERROR = 0.8


def personal_data(examples: Sequence[Example], _lang: str, _pack: Pack) -> Found:
    """Numbers and secrets of a person in training data: those are stored, copied and shown."""
    for example in examples:
        masked = redact(example.text)
        if masked == example.text:
            continue
        guess = PASSWORD in masked  # what follows "hasło to" is masked whatever it is
        what = f"personal data in an utterance: {masked!r}"
        yield "warning" if guess else "error", "personal-data", example, what, "Write the mask instead, or say it otherwise"


def repetition(examples: Sequence[Example], lang: str, _pack: Pack) -> Found:
    """One sentence under two labels; sentences that are the same but for a word or a few letters."""
    for pair in near_pairs([normalise(example.text, lang) for example in examples]):
        first, second = examples[pair.first], examples[pair.second]
        there = f"{first.path.name}:{first.line}"
        if first.intent == second.intent:
            if pair.kind is Kind.SAME and _words(first) != _words(second):
                continue  # "tak tak" is "tak" to the classifier, and worth having
            what = f"{second.text!r} is {pair.kind} as {there}"
            yield "warning", "near-duplicate", second, what, "Say it in another way or take it out"
        elif pair.kind is Kind.SAME:
            what = f"{second.text!r} is {second.intent} here and {first.intent} in {there}"
            yield "error", "contradiction", second, what, "Decide for one label and take the other line out"
        else:
            what = f"{second.text!r} is {second.intent} and {pair.kind} as {first.text!r}, {first.intent} in {there}"
            yield "warning", "alike-across", second, what, "Make sure that both labels are meant"


def _words(example: Example) -> list[str]:
    return sorted(fold(canonical(example.text)).split())


def wrong_language(examples: Sequence[Example], lang: str, _pack: Pack) -> Found:
    """Whole sentences of another language, and sentences too long for one breath."""
    for example in examples:
        words = len(example.text.split())
        foreign = find_foreign(example.text, lang) if example.intent != OUT_OF_SCOPE else None
        if foreign is not None and not foreign.requested and words >= _FOREIGN_WORDS:
            what = f"{example.text!r} looks like language {foreign.language!r} in the data of {lang!r}"
            yield "warning", "language", example, what, f"Move it to the folder {foreign.language} or take it out"
        if words > _LONGEST_SPOKEN:
            what = f"an utterance of {words} words, longer than anyone says in one turn"
            yield "warning", "too-long", example, what, f"Keep it under {_LONGEST_SPOKEN} words"


def balance(examples: Sequence[Example], lang: str, pack: Pack) -> Found:
    """Intents that nobody wrote, with few lines, or with many times more lines than others."""
    counts = Counter(example.intent.split("/", maxsplit=1)[0] for example in examples)
    missing = [name for name in (*pack.intents, OUT_OF_SCOPE) if not counts[name]]
    place = Example("", "", pack.root / lang, 0)
    for name in missing:
        what = f"{name} has no utterances in {lang!r}: it can never be understood"
        yield "error", "missing", place, what, f"Write at least {_THIN} different ones"
    usual = median(counts[name] for name in counts) if counts else 0
    first = {example.intent.split("/", maxsplit=1)[0]: example for example in reversed(examples)}
    for name, count in sorted(counts.items()):
        if count < _THIN:
            yield "warning", "thin", first[name], f"{name} has only {count} utterances", f"Write at least {_THIN} different ones"
        elif name not in ACT_LABELS and count > _LOPSIDED * usual:
            what = f"{name} has {count} utterances, more than {_LOPSIDED} times as many as usual ({usual:.0f})"
            yield "warning", "lopsided", first[name], what, "Take the most alike out, or write more of the others"


def labels(examples: Sequence[Example], lang: str, _pack: Pack) -> Found:
    """Likely label errors, surest first; none looked for where a label has too few lines to learn from."""
    counts = Counter(example.intent for example in examples)
    enough = [example for example in examples if counts[example.intent] >= _LEAST_FOR_LABEL_ERRORS]
    if len({example.intent for example in enough}) < 2:
        return
    for suspect in find_label_errors(enough, lang):
        if suspect.likely < _SURE_ERROR:
            continue
        example = suspect.example
        sounds = f"sounds like {suspect.suggestion} ({suspect.likely:.2f})"
        what = f"{example.text!r} is {example.intent} here ({suspect.given:.2f}) but {sounds}"
        yield "warning", "label-error", example, what, f"Move it to {suspect.suggestion}, or write more like it"
