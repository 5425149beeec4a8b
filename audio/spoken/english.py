"""English words for values, as said in Britain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from .values import WHOLE_DAY, Clock, Money, Phone

_SMALL = (
    *"zero one two three four five six seven eight nine ten".split(),
    *"eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(),
)
_TENS = ("", "", *"twenty thirty forty fifty sixty seventy eighty ninety".split())
_SCALES = ("thousand", "million", "billion")
_IRREGULAR = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

_MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

# unit and hundredth, each as one and many
_CURRENCIES: Mapping[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "PLN": (("zloty", "zlotys"), ("grosz", "groszy")),
    "EUR": (("euro", "euros"), ("cent", "cents")),
    "USD": (("dollar", "dollars"), ("cent", "cents")),
    "GBP": (("pound", "pounds"), ("penny", "pence")),
    "CHF": (("franc", "francs"), ("centime", "centimes")),
}

KEYS = {"*": "star", "#": "hash"}


def cardinal(number: int) -> str:
    """Such as "one thousand two hundred and five"."""
    if number < 0:
        return f"minus {cardinal(-number)}"
    parts = []
    for power, scale in reversed(list(enumerate(_SCALES, 1))):
        count, number = divmod(number, 1000**power)
        if count:
            parts.append(f"{_below_thousand(count)} {scale}")
    if number or not parts:
        joint = ["and"] if parts and number < 100 else []
        parts += [*joint, _below_thousand(number)]
    return " ".join(parts)


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    parts = [f"{_SMALL[hundreds]} hundred"] if hundreds else []
    if rest or not hundreds:
        parts += ["and"] if hundreds else []
        tens, units = divmod(rest, 10)
        parts.append(_SMALL[rest] if rest < 20 else "-".join(filter(None, (_TENS[tens], _SMALL[units] if units else ""))))
    return " ".join(parts)


def ordinal(number: int) -> str:
    """Such as "first", "twenty-third", "one hundred and second"."""
    if not 0 <= number <= 999:
        raise ValueError(f"only ordinals up to 999 are spoken, not {number}")
    words = cardinal(number)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[cut:]
    if last in _IRREGULAR:
        return words[:cut] + _IRREGULAR[last]
    return words[:-1] + "ieth" if last.endswith("y") else words + "th"


def hour(time: Clock) -> str:
    """Such as "eight in the morning", "half past four in the afternoon", "noon", "half past midnight"."""
    if not time.minute and time.hour in (0, 12, 24):
        return "noon" if time.hour == 12 else "midnight"
    this, following = _SMALL[(time.hour - 1) % 12 + 1], _SMALL[time.hour % 12 + 1]
    if not time.hour and time.minute in (15, 30):  # "half past twelve in the morning" may be taken for half past noon
        return f"{'quarter' if time.minute == 15 else 'half'} past midnight"
    match time.minute:
        case 0:
            said = this
        case 15:
            said = f"quarter past {this}"
        case 30:
            said = f"half past {this}"
        case 45 if time.hour not in (11, 17, 23):  # "quarter to twelve in the morning" is the wrong half of the day
            said = f"quarter to {following}"
        case minute if minute < 10:
            said = f"{this} oh {_SMALL[minute]}"
        case minute:
            said = f"{this} {cardinal(minute)}"
    return f"{said} {_part_of_day(time.hour)}"


def _part_of_day(hour: int) -> str:
    if 1 <= hour < 12:
        return "in the morning"
    if 12 <= hour < 18:
        return "in the afternoon"
    return "in the evening" if 18 <= hour < 21 else "at night"


def hours_range(opens: Clock, closes: Clock) -> str:
    """Such as "from eight in the morning to four in the afternoon"."""
    if (opens, closes) == WHOLE_DAY:
        return "around the clock"
    return f"from {hour(opens)} to {hour(closes)}"


def date_words(when: date) -> str:
    """Such as "the fifth of March"; the year is understood."""
    return f"the {ordinal(when.day)} of {_MONTHS[when.month - 1]}"


def amount(money: Money) -> str:
    """Such as "one thousand two hundred zlotys and fifty groszy"."""
    if money.currency not in _CURRENCIES:
        raise ValueError(f"the currency {money.currency} cannot be spoken: known are {', '.join(_CURRENCIES)}")
    unit, hundredth = _CURRENCIES[money.currency]
    parts = []
    if money.whole or not money.part:
        parts.append(f"{cardinal(money.whole)} {unit[money.whole != 1]}")
    if money.part:
        parts.append(f"{cardinal(money.part)} {hundredth[money.part != 1]}")
    return ("minus " if money.negative else "") + " and ".join(parts)


def minutes(number: int) -> str:
    """Such as "a minute", "five minutes"."""
    return "a minute" if number == 1 else f"{cardinal(number)} minutes"


def decimals(whole: int, fraction: str) -> str:
    """Such as "two point five"."""
    return f"{cardinal(whole)} point {' '.join(map(digit, fraction))}"


def phone(number: Phone) -> str:
    """Digit by digit: "six zero one, one two three, four five six"."""
    said = ", ".join(" ".join(map(digit, group)) for group in number.groups)
    return f"plus {said}" if number.country else said


def digit(key: str) -> str:
    """One digit or key."""
    return KEYS.get(key) or _SMALL[int(key)]
