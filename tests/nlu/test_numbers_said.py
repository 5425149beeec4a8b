"""Every number from 0 to 999,999 is read as it is said: in every case of Polish, and in English.

The declension is that of the grammar (Saloni; WSJP), written down here apart from the tables of the parser. By default
every number of up to four digits in two cases, and a sample in all; all of them: `python -m tests.nlu.test_numbers_said`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

import pytest
from num2words import num2words

from nlu.text.number_words import find_numbers

CASES = ("nominative", "genitive", "dative", "accusative", "instrumental", "locative")

ONES = {
    "nominative": "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć",
    "genitive": "zera jednego dwóch trzech czterech pięciu sześciu siedmiu ośmiu dziewięciu",
    "dative": "zeru jednemu dwóm trzem czterem pięciu sześciu siedmiu ośmiu dziewięciu",
    "accusative": "zero jeden dwie trzy cztery pięć sześć siedem osiem dziewięć",
    "instrumental": "zerem jednym dwoma trzema czterema pięcioma sześcioma siedmioma ośmioma dziewięcioma",
    "locative": "zerze jednym dwu trzech czterech pięciu sześciu siedmiu ośmiu dziewięciu",
}
TEENS = (
    "dziesięć jedenaście dwanaście trzynaście czternaście piętnaście szesnaście siedemnaście osiemnaście dziewiętnaście".split(),
    "dziesięciu jedenastu dwunastu trzynastu czternastu piętnastu szesnastu siedemnastu osiemnastu dziewiętnastu".split(),
    "dziesięcioma jedenastoma dwunastoma trzynastoma czternastoma piętnastoma szesnastoma siedemnastoma osiemnastoma "
    "dziewiętnastoma".split(),
)
TENS = (
    "dwadzieścia trzydzieści czterdzieści pięćdziesiąt sześćdziesiąt siedemdziesiąt osiemdziesiąt dziewięćdziesiąt".split(),
    "dwudziestu trzydziestu czterdziestu pięćdziesięciu sześćdziesięciu siedemdziesięciu osiemdziesięciu "
    "dziewięćdziesięciu".split(),
    "dwudziestoma trzydziestoma czterdziestoma pięćdziesięcioma sześćdziesięcioma siedemdziesięcioma osiemdziesięcioma "
    "dziewięćdziesięcioma".split(),
)
HUNDREDS = (
    "sto dwieście trzysta czterysta pięćset sześćset siedemset osiemset dziewięćset".split(),
    "stu dwustu trzystu czterystu pięciuset sześciuset siedmiuset ośmiuset dziewięciuset".split(),
)
THOUSAND = dict(zip(CASES, "tysiąc tysiąca tysiącowi tysiąc tysiącem tysiącu".split(), strict=True))
THOUSANDS = dict(zip(CASES, "tysiące tysięcy tysiącom tysiące tysiącami tysiącach".split(), strict=True))


def form(case: str) -> int:
    """Which of the three forms of a numeral a case takes."""
    return {"nominative": 0, "accusative": 0, "instrumental": 2}.get(case, 1)


def below_thousand(number: int, case: str) -> Iterator[str]:
    hundreds, rest = divmod(number, 100)
    if hundreds:
        yield HUNDREDS[min(form(case), 1)][hundreds - 1]
    if 10 <= rest < 20:
        yield TEENS[form(case)][rest - 10]
    else:
        if rest >= 20:
            yield TENS[form(case)][rest // 10 - 2]
        if rest % 10:
            # one is not declined after tens and hundreds
            yield "jeden" if rest % 10 == 1 and number > 1 else ONES[case].split()[rest % 10]


def polish(number: int, case: str) -> list[str]:
    """The words of a number in a case."""
    if number == 0:
        return [ONES[case].split()[0]]
    thousands, rest = divmod(number, 1000)
    words: list[str] = []
    if thousands == 1:
        words.append(THOUSAND[case])
    elif thousands:
        few = thousands % 10 in (2, 3, 4) and thousands % 100 not in (12, 13, 14)
        words += below_thousand(thousands, case)
        words.append(THOUSANDS[case] if few or case not in ("nominative", "accusative") else "tysięcy")
    return [*words, *below_thousand(rest, case)]


def english(number: int) -> list[str]:
    said: str = num2words(number, lang="en")
    return said.replace("-", " ").replace(",", "").split()


def misread(words: list[str], number: int, lang: str) -> str | None:
    found = [each.value for each in find_numbers(words, lang)]
    return None if found == [number] else f"{' '.join(words)} is {number} and read as {found}"


BOUNDARIES = sorted({base + step for base in (0, 10, 20, 100, 1000, 2000, 10_000, 100_000, 999_990) for step in range(10)})
SAMPLE = random.Random(1).sample(range(1_000_000), 3000)


@pytest.mark.parametrize("case", CASES)
def test_numbers_in_every_case_of_polish_are_read(case: str) -> None:
    numbers = [*BOUNDARIES, *SAMPLE, *range(1000)]
    assert [wrong for number in numbers if (wrong := misread(polish(number, case), number, "pl"))] == []


def test_numbers_in_english_are_read() -> None:
    numbers = [*BOUNDARIES, *SAMPLE, *range(1000)]
    assert [wrong for number in numbers if (wrong := misread(english(number), number, "en"))] == []


def test_what_the_grammar_says_is_what_others_say() -> None:
    """The declension above, where another program knows it."""
    for number in (*BOUNDARIES, *SAMPLE):
        assert polish(number, "nominative") == num2words(number, lang="pl").split()


def main() -> int:
    """Every number, in every case and language."""
    wrong = 0
    for number in range(1_000_000):
        said = [(polish(number, case), "pl") for case in CASES] + [(english(number), "en")]
        for words, lang in said:
            complaint = misread(words, number, lang)
            if complaint:
                wrong += 1
                print(complaint)
    print(f"{wrong} of 7,000,000 read wrongly")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
