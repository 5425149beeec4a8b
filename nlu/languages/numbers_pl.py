"""Polish number words in every case, and the street's own: "tysiak", "kafli", "stówa", "półtorej bańki"."""

from __future__ import annotations

from collections.abc import Iterator

from nlu.text.numbers import NumberWord, Slot, fold

_DIGIT_FORMS = {
    0: "zero zera zeru zerem zerze zerko",
    1: "jeden jedna jedno jednego jednej jednemu jednym jedną jedynka jedynkę",
    2: "dwa dwie dwaj dwóch dwu dwóm dwom dwoma dwiema dwoje dwojga dwójka dwójkę",
    3: "trzy trzej trzech trzem trzema troje trojga trójka trójkę",
    4: "cztery czterej czterech czterem czterema czworo czworga czwórka czwórkę",
    5: "pięć pięciu pięcioma pięcioro piątka piątkę",
    6: "sześć sześciu sześcioma sześcioro szóstka szóstkę",
    7: "siedem siedmiu siedmioma siedmioro siódemka siódemkę",
    8: "osiem ośmiu ośmioma ośmioro ósemka ósemkę",
    9: "dziewięć dziewięciu dziewięcioma dziewięcioro dziewiątka dziewiątkę",
}
_TEEN_STEMS = (
    "dziesię",
    "jedenast",
    "dwunast",
    "trzynast",
    "czternast",
    "piętnast",
    "szesnast",
    "siedemnast",
    "osiemnast",
    "dziewiętnast",
)
_TEN_FORMS = {
    20: "dwadzieścia dwudziestu dwudziestoma",
    30: "trzydzieści trzydziestu trzydziestoma",
    40: "czterdzieści czterdziestu czterdziestoma",
}
_HIGH_TENS = {50: "pięć", 60: "sześć", 70: "siedem", 80: "osiem", 90: "dziewięć"}
_HUNDRED_FORMS = {
    100: "sto stu stoma stówa stówę stówy stówka stówkę stówki stów stówek",
    200: "dwieście dwustu dwustoma dwieście",
    300: "trzysta trzystu trzystoma",
    400: "czterysta czterystu czterystoma",
    500: "pięćset pięciuset pińcet pińset pięcset",
    600: "sześćset sześciuset szejset",
    700: "siedemset siedmiuset",
    800: "osiemset ośmiuset",
    900: "dziewięćset dziewięciuset",
}
_TIMES_FORMS = {
    1_000: "tysiąc tysiąca tysiącowi tysiącem tysiącu tysiące tysięcy tysiącom tysiącami tysiącach tysiak tysiaka tysiaki tysiaków tys",
    1_000_000: "milion miliona milionowi milionem milionie miliony milionów milionom milionami mln",
    1_000_000_000: "miliard miliarda miliardem miliardy miliardów mld",
}
_SLANG_TIMES = {1_000: "koła kół kafli kafle kafla tysi", 1_000_000: "bańki baniek bańkę"}
_HUNDREDS_COUNTED = frozenset("stówa stówę stówy stówka stówkę stówki stów stówek".split())
_HALF = "pół"
_MORE_HALF = "półtora półtorej"

_ORDINAL_ENDINGS = ("y", "a", "e", "ego", "ej", "emu", "ym", "ą", "ych")
_SOFT_ENDINGS = ("i", "ia", "ie", "iego", "iej", "iemu", "im", "ią", "ich")
_ORDINAL_STEMS = {
    1: "pierwsz", 4: "czwart", 5: "piąt", 6: "szóst", 7: "siódm", 8: "ósm", 9: "dziewiąt", 10: "dziesiąt", 11: "jedenast",
    12: "dwunast", 13: "trzynast", 14: "czternast", 15: "piętnast", 16: "szesnast", 17: "siedemnast", 18: "osiemnast",
    19: "dziewiętnast", 20: "dwudziest", 30: "trzydziest", 40: "czterdziest", 50: "pięćdziesiąt", 60: "sześćdziesiąt",
    70: "siedemdziesiąt", 80: "osiemdziesiąt", 90: "dziewięćdziesiąt", 100: "setn",
}  # fmt: skip
_SOFT_STEMS = {2: ("drug", ("i", "a", "ie", "iego", "iej", "iemu", "im", "ą", "ich")), 3: ("trzec", _SOFT_ENDINGS)}


def _slot(value: int) -> Slot:
    if value < 10:
        return Slot.DIGIT
    if value < 20:
        return Slot.TEEN
    return Slot.TEN if value < 100 else Slot.HUNDRED


def _cardinals() -> Iterator[tuple[str, NumberWord]]:
    for forms in (_DIGIT_FORMS, _TEN_FORMS, _HUNDRED_FORMS):
        for value, words in forms.items():
            for word in words.split():
                slot = Slot.TIMES if word in _HUNDREDS_COUNTED else _slot(value)
                yield word, NumberWord(value, slot)
    for offset, stem in enumerate(_TEEN_STEMS):
        endings = ("ć", "ciu", "cioma") if offset == 0 else ("", "u", "oma")
        for ending in endings:
            yield stem + ending, NumberWord(10 + offset, Slot.TEEN)
        if offset:
            yield stem.removesuffix("t") + "cie", NumberWord(10 + offset, Slot.TEEN)
            yield stem.removesuffix("st") + "ście", NumberWord(10 + offset, Slot.TEEN)
    for value, stem in _HIGH_TENS.items():
        oblique = {"siedem": "siedemdziesięciu", "osiem": "osiemdziesięciu"}.get(stem, stem + "dziesięciu")
        for word in (stem + "dziesiąt", oblique, stem + "dziesięcioma", stem + "dziesiont", stem + "dziesion"):
            yield word, NumberWord(value, Slot.TEN)


def _multipliers() -> Iterator[tuple[str, NumberWord]]:
    for alone, forms in ((True, _TIMES_FORMS), (False, _SLANG_TIMES)):
        for value, words in forms.items():
            for word in words.split():
                yield word, NumberWord(value, Slot.TIMES, alone=alone)
    yield _HALF, NumberWord(0, Slot.HALF)
    for word in _MORE_HALF.split():
        yield word, NumberWord(0, Slot.MORE_HALF)
    yield "i", NumberWord(0, Slot.JOIN, alone=False)


def _ordinals() -> Iterator[tuple[str, NumberWord]]:
    for value, stem in _ORDINAL_STEMS.items():
        for ending in _ORDINAL_ENDINGS:
            yield stem + ending, NumberWord(value, _slot(value), ordinal=True)
    for value, (stem, endings) in _SOFT_STEMS.items():
        for ending in endings:
            yield stem + ending, NumberWord(value, _slot(value), ordinal=True)


TABLE: dict[str, NumberWord] = {fold(word): entry for word, entry in [*_ordinals(), *_multipliers(), *_cardinals()]}
