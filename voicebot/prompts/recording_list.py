"""What a speaker has to read: every approved text, and for sentences that hold a value the parts that they are joined from.

The words of the values are computed from what can be said: whatever kind of value the texts hold, in every form and position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from audio.spoken import LANGUAGES, speak
from audio.spoken.covering import covering
from dialogs.authoring.recording_names import name_tokens
from dialogs.data.bundle import Bundle
from dialogs.data.parts import bare, mark_of, words_of
from dialogs.data.prompts import NESTED, PLACE

PART = "part."
"""What the names of parts' recordings begin with."""
_ONLY: Mapping[str, tuple[str, ...]] = {"key": tuple("0123456789")}
"""Values of a name, where they are fewer than those of its kind."""
_POSITION = {"": "", ",": ".comma", ".": ".end", "?": ".question"}
_LONGEST_NAME = 48
_HOW = {
    "": "",
    ",": "voice stays up, as before a comma",
    ".": "voice falls, as at a full stop",
    "?": "voice rises, as in a question",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One recording. `name` is the prompt's id, or a part's name; the file is called so."""

    name: str
    language: str
    text: str
    """What is read, for a part with the mark that says how it ends."""
    recorded: bool
    part: bool = False
    needed: bool = True
    """Without it sentences are synthesised. Else: without it another form of the word is played, which sounds a little worse."""
    example: str = ""
    """A text that the part is of."""

    @property
    def how(self) -> str:
        """How a part ends."""
        return _HOW[mark_of(self.text)] if self.part else ""


def recording_list(bundle: Bundle, language: str, day: date) -> list[Line]:
    """Every recording that the language's approved texts need, this day and later: texts first, then the parts of sentences that
    hold values, then their words.
    """
    file, book = bundle.prompts.files[language], bundle.prompts.parts(language)
    lines: list[Line] = []
    pieces: dict[tuple[str, ...], tuple[str, str]] = {}
    words: dict[str, str] = {}
    for prompt_id, spec in file.prompts.items():
        wanted = bool(spec.approver) and (spec.valid_to is None or spec.valid_to >= day)
        if wanted and not PLACE.search(spec.text):
            lines.append(Line(prompt_id, language, spec.text, _is_there(bundle, spec.recording)))
        now = spec.version(day)
        for text in dict.fromkeys([*([spec.text] if wanted else []), *([now.text] if now is not None else [])]):
            if _can_be_joined(text, language):
                for piece in _pieces(text):
                    pieces.setdefault(words_of(piece), (piece, text))
                for word in _words(text, language):
                    words.setdefault(word, text)
    every = dict(pieces.values())
    every |= {word: example for word, example in words.items() if words_of(word) not in pieces}
    names = _names(every)
    for text, example in every.items():
        needed = not (mark_of(text) and bare(text) in words)
        recorded = _is_there(bundle, book.recording(text))
        lines.append(Line(names[text], language, text, recorded, part=True, needed=needed, example=example))
    return lines


def _is_there(bundle: Bundle, recording: str | None) -> bool:
    return recording is not None and (bundle.root / recording).is_file()


def _can_be_joined(text: str, language: str) -> bool:
    """It holds places, and all that may stand in them is known: other texts, or values whose words are."""
    kinds = {kind for _, kind in PLACE.findall(text)}
    return bool(kinds) and "text" not in kinds and (language in LANGUAGES or kinds == {NESTED})


def _pieces(text: str) -> Iterator[str]:
    """What stands between the places, without the marks that belong to a value."""
    for piece in PLACE.sub("\n", text).split("\n"):
        if words_of(fixed := piece.strip().lstrip(".,:;!?…").strip()):
            yield fixed


def _words(text: str, language: str) -> Iterator[str]:
    for place in PLACE.finditer(text):
        name, kind = place.groups()
        if kind == NESTED:
            continue
        inside, last = words_of_values(kind, language, _ONLY.get(name, ()))
        yield from inside
        mark = mark_of(text[place.end() : place.end() + 1])
        yield from (bare(word) + mark for word in last)


@cache
def words_of_values(kind: str, language: str, only: tuple[str, ...] = ()) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words with which values of the kind (or `only` these) are said: those inside, and those that stand last."""
    inside: dict[str, None] = {}
    last: dict[str, None] = {}
    for value in only or covering(kind):
        *others, end = words_of(speak(kind, value, language))
        inside.update(dict.fromkeys(others))
        last[end] = None
    return tuple(inside), tuple(last)


def _names(texts: Iterable[str]) -> dict[str, str]:
    """A name for each text; those that would be called the same have a few letters more, which stay the same from day to day."""
    plain = {text: _name(text) for text in texts}
    taken = list(plain.values())
    return {text: name if taken.count(name) == 1 else f"{name}.{_letters(text)}" for text, name in plain.items()}


def _name(text: str) -> str:
    name = "_".join(token for token in name_tokens(text) if token.isascii())
    if not name or len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME].rstrip('_')}.{_letters(text)}".lstrip(".")
    return f"{PART}{name}{_POSITION[mark_of(text)]}"


def _letters(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:4]
