"""`make bench-secrets`: how many secrets, dictated in many ways, are masked, and how many harmless numbers stay readable.

Every value is random; the ways of saying are those of `bench.secret_ways`.
A secret counts as masked when not one of its digits or words is left.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.secret_phrases import HARMLESS, KINDS, PASSWORDS
from bench.secret_ways import EN_FILLERS, EN_FIXES, EN_STRANGE, PL_FILLERS, PL_FIXES, PL_STRANGE, WAYS
from nlu.text.redaction.turns import TurnRedaction


@dataclass(frozen=True, slots=True)
class Told:
    """A secret as it is told, in one turn or in several, and what must stay of the words around it."""

    kind: str
    way: str
    turns: tuple[str, ...]
    around: str
    """Everything but the secret."""


def tell(lang: str, kind: str, way: str, chance: random.Random) -> Told:
    """One random secret of this kind, told in this way."""
    if kind == "password":
        said = chance.choice(PASSWORDS[lang][0]).replace("|", " ")
    else:
        said = WAYS[lang][way](KINDS[kind].make(chance), chance)
    carrier = chance.choice(PASSWORDS[lang][1] if kind == "password" else KINDS[kind].said[lang])
    turns = tuple(turn.format(said) for turn in carrier.split("|"))
    return Told(kind, way, turns, carrier.replace("|", " ").replace("{}", " "))


def left_over(told: Told) -> str:
    """The words of the secret that are still there after redaction, "" when it is masked whole."""
    redaction = TurnRedaction()
    masked = " ".join(redaction.redact(turn) for turn in told.turns)
    around = Counter(_words(told.around))
    left = Counter(_words(masked))
    left.subtract(around)
    harmless = {*_PL_WORDS_BETWEEN, *_EN_WORDS_BETWEEN}
    return " ".join(word for word, count in left.items() if count > 0 and word not in harmless)


def _words(text: str) -> list[str]:
    plain = "".join(" " if not (each.isalnum() or each in "<>") else each for each in text.lower())
    return [word for word in plain.split() if not word.startswith("<")]


_PL_WORDS_BETWEEN = frozenset(_words(" ".join((*PL_FILLERS, *PL_STRANGE, *PL_FIXES, "na końcu ostatnie a na koniec końcówka"))))
_EN_WORDS_BETWEEN = frozenset(
    _words(" ".join((*EN_FILLERS, *EN_STRANGE, *EN_FIXES, "ending in and the last two are finally lastly")))
)


def secrets(lang: str, count: int, chance: random.Random) -> Iterator[Told]:
    """`count` secrets of every kind in every way."""
    for kind in (*KINDS, "password"):
        ways = list(WAYS[lang]) if kind != "password" else ["word"] * len(WAYS[lang])
        for way in ways:
            for _ in range(count):
                yield tell(lang, kind, way, chance)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is masked by kind and by way, what harmless is lost, and the time a text takes."""
    parser = argparse.ArgumentParser(prog="python -m bench.secrets", description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="of every kind in every way (default: 20)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="so many that got through, of each kind and way")
    asked = parser.parse_args(arguments)
    chance = random.Random(asked.seed)
    began = time.perf_counter()
    for lang in WAYS:
        _tell_of_secrets(lang, list(secrets(lang, asked.count, chance)), asked.show)
        _tell_of_harmless(lang, asked.count * 20, chance, asked.show)
    print(f"took {time.perf_counter() - began:.1f} s")
    return 0


def _tell_of_secrets(lang: str, told: Sequence[Told], show: int) -> None:
    by_kind: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    by_way: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    shown: Counter[tuple[str, str]] = Counter()
    for each in told:
        left = left_over(each)
        for figures in (by_kind[each.kind], by_way[each.way], by_kind["all"]):
            figures[0] += not left
            figures[1] += 1
        if left and shown[each.kind, each.way] < show:
            shown[each.kind, each.way] += 1
            print(f"  {lang} {each.kind}, {each.way}: {' | '.join(each.turns)!r} leaves {left!r}")
    for name, (masked, count) in [*by_kind.items(), *by_way.items()]:
        print(f"{lang} {name}: {100 * masked / count:.2f} % of {count} masked")


def _tell_of_harmless(lang: str, count: int, chance: random.Random, show: int) -> None:
    for name, make in HARMLESS[lang].items():
        lost = 0
        for _ in range(count):
            text = make(chance)
            masked = TurnRedaction().redact(text)
            lost += masked != text
            if masked != text and lost <= show:
                print(f"  {lang} {name}: {text!r} becomes {masked!r}")
        print(f"{lang} harmless {name}: {100 * lost / count:.2f} % of {count} lost")


if __name__ == "__main__":
    sys.exit(main())
