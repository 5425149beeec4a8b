"""Things named in an utterance, found by rule: amounts, days, and the products, cards and documents a pack lists.

Words are compared by lemma, so that any case of "karta kredytowa" is found. Personal numbers are masked before and never found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nlu.languages import languages
from nlu.languages.language import fold
from nlu.model.lemmas import Lemmas
from nlu.pack.rasa_yaml import TrainingData
from nlu.text.dates import find_days
from nlu.text.normalise import canonical
from nlu.text.number_words import SpokenNumber, find_numbers
from nlu.types import Entity


@lru_cache(maxsize=1)
def _money() -> tuple[dict[str, str], frozenset[str]]:
    """Word → currency, and slang that means money, of all languages: callers mix them."""
    known = languages().values()
    currency_of = {word: code for each in known for code, words in each.currencies.items() for word in words.split()}
    return currency_of, frozenset().union(*(each.money_slang for each in known))


_LEAST_BARE_AMOUNT = 1000
"""A number of at least this much with a thousand named is money even when no currency is said."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What a pack lists: lemmas of a phrase → its kind and value. `longest` is the longest phrase in words."""

    lemmas: Lemmas
    phrases: dict[tuple[str, ...], tuple[str, str]]
    longest: int

    @classmethod
    def build(cls, data: TrainingData, lemmas: Lemmas) -> Lexicon:
        """From the lookups and synonyms of training data. `lemmas` should know their words."""
        phrases: dict[tuple[str, ...], tuple[str, str]] = {}
        for kind, texts in data.lookups.items():
            for text in texts:
                key = tuple(map(lemmas.of, canonical(text).split()))
                phrases[key] = (kind, data.synonyms.get(text.lower(), text.lower()))
        return cls(lemmas, phrases, max((len(key) for key in phrases), default=0))


def find_entities(text: str, lang: str, lexicon: Lexicon) -> tuple[Entity, ...]:
    """Entities of a redacted utterance, in the order in which they were said. Never raises."""
    words = canonical(text).split()
    found = [*_amounts(words, lang), *_listed(words, lexicon)]
    found += [(day.start, Entity("date", day.value, " ".join(words[day.start : day.end]))) for day in find_days(words, lang)]
    return tuple(entity for _, entity in sorted(found, key=lambda place: place[0]))


def _amounts(words: Sequence[str], lang: str) -> Iterator[tuple[int, Entity]]:
    """Numbers with a currency after them, large numbers said with a thousand, and slang that means money."""
    for number in find_numbers(words, lang):
        if number.ordinal or number.parts > 3:
            continue
        after = fold(words[number.end]) if number.end < len(words) else ""
        code = _money()[0].get(after)
        slang = any(fold(word) in _money()[1] for word in words[number.start : number.end])
        if code is None and not slang and not _money_without_name(number):
            continue
        end = number.end + (code is not None)
        value = f"{number.value:.2f}".removesuffix(".00")
        yield (
            number.start,
            Entity("amount", f"{value} {code or 'PLN'}" if code or slang else value, " ".join(words[number.start : end])),
        )


def _money_without_name(number: SpokenNumber) -> bool:
    return number.multiplied and number.value >= _LEAST_BARE_AMOUNT and not 1950 <= number.value < 2100


def _listed(words: Sequence[str], lexicon: Lexicon) -> Iterator[tuple[int, Entity]]:
    lemmas = tuple(map(lexicon.lemmas.of, words))
    position = 0
    while position < len(lemmas):
        for size in range(min(lexicon.longest, len(lemmas) - position), 0, -1):
            entry = lexicon.phrases.get(lemmas[position : position + size])
            if entry is not None:
                yield position, Entity(entry[0], entry[1], " ".join(words[position : position + size]))
                position += size
                break
        else:
            position += 1
