"""Things named in an utterance, found by rule: amounts, days, and the products, cards and documents a pack lists.

Words are compared by lemma, so that any case of "karta kredytowa" is found. Personal numbers are masked before and never found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nlu.model.lemmas import Lemmas
from nlu.pack.rasa_yaml import TrainingData
from nlu.text.dates import find_days
from nlu.text.normalise import canonical
from nlu.text.numbers import Number, find_numbers, fold
from nlu.types import Entity

_CURRENCIES = {
    "PLN": "zl zloty zlote zlotych zlotowka zlotowki zlotowek zlociszy pln zlotego zlotowych zloties zlotys",
    "EUR": "euro eur euros ojro",
    "USD": "dolar dolary dolarow dolarach usd dollar dollars bucks baks baksow",
    "GBP": "funt funty funtow gbp pound pounds quid",
    "CHF": "frank franki frankow chf franc francs",
    "CZK": "korona korony koron czk",
    "UAH": "hrywna hrywny hrywien uah hryvnia",
}
_CURRENCY_OF = {word: code for code, words in _CURRENCIES.items() for word in words.split()}
_SLANG_MONEY = frozenset(
    "stowa stowe stowy stowka stowke stowki stow stowek kafli kafle kafla kola kol tysiak tysiaka tysiaki tysiakow grand".split()
)
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
        code = _CURRENCY_OF.get(after)
        slang = any(fold(word) in _SLANG_MONEY for word in words[number.start : number.end])
        if code is None and not slang and not _money_without_name(number):
            continue
        end = number.end + (code is not None)
        value = f"{number.value:.2f}".removesuffix(".00")
        yield (
            number.start,
            Entity("amount", f"{value} {code or 'PLN'}" if code or slang else value, " ".join(words[number.start : end])),
        )


def _money_without_name(number: Number) -> bool:
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
