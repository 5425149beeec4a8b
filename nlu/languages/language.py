"""The contract of a language: everything that understanding needs to know of one, in one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from nlu.types import Act

_FOLD = str.maketrans(
    "ąćęłńóśźżĄĆĘŁŃÓŚŹŻäöüÄÖÜáčďéěíňřšťúůýžÁČĎÉĚÍŇŘŠŤÚŮÝŽ", "acelnoszzACELNOSZZaouAOUacdeeinrstuuyzACDEEINRSTUUYZ"
)


def fold(text: str) -> str:
    """Lower case without diacritics, letter for letter (places stay the same): recognisers and callers lose them."""
    lower = text.lower()
    return lower if lower.isascii() else lower.translate(_FOLD)


class Slot(StrEnum):
    """Where a number word stands inside a number."""

    DIGIT = "digit"  # 0..9
    TEEN = "teen"  # 10..19
    TEN = "ten"  # 20..90
    HUNDRED = "hundred"  # 100..900 as one word
    TIMES = "times"  # thousand, million: multiplies what came before
    HALF = "half"  # half of the multiplier that follows: "pół miliona"
    MORE_HALF = "more half"  # one and a half of what follows: "półtora tysiąca"
    JOIN = "join"  # "and" inside "one hundred and five"; "i" in "dwa i pół tysiąca"


@dataclass(frozen=True, slots=True)
class NumberWord:
    """A word's value and where it may stand."""

    value: int
    slot: Slot
    ordinal: bool = False
    """It counts places ("piąty") and ends the number."""
    alone: bool = True
    """It may start a number (slang like "kafli" may not)."""
    figure: bool = False
    """It names the figure itself ("piątka", "fives"): after a count it is said so often ("dwie piątki" is 55)."""


@dataclass(frozen=True, slots=True)
class ActWords:
    """How people say yes, no, again, help, wait, goodbye and "a human" to a machine. Phrases are separated by "|"."""

    phrases: Mapping[Act, str]
    polite: str
    """Words that may stand around an act and change nothing."""
    lead_affirm: str
    """A yes that new content may follow."""
    not_affirm_before: str
    """Words before which a leading yes is none."""
    lead_deny: str
    """A no that new content may follow."""
    deny_before: str
    """Words before which a leading no surely is one."""
    contrast: str
    """Words between what is denied and what is wanted."""
    negations: str
    """Words with which "not this but that" begins."""
    negated: str
    """A pattern of "not about this but about that", with the group `kept`."""
    negated_noun: str
    """A pattern of "not this but that", with the group `kept`."""


@dataclass(frozen=True, slots=True)
class DateWords:
    """How days are named. All words are folded; alternatives of one month or weekday are separated by spaces, months by "|"."""

    months: str
    weekdays: str
    """From Monday on."""
    near: Mapping[str, int]
    """Words for days near today, in days from today."""
    last: frozenset[str]
    """Before a weekday: the one of last week."""
    next: frozenset[str]
    """Before a weekday: the one of next week."""
    units: Mapping[str, int]
    """Words for spans of time, in days."""
    ago: str
    """After a span: in the past."""
    ahead: str
    """Before a span: in the future."""
    doubtful_months: frozenset[str] = frozenset()
    """Months that are also other words: they count only with a day beside them."""
    month_first: bool = False
    """The day may follow the month ("March 5th")."""
    of: str = ""
    """A word that may stand between the day and the month."""


@dataclass(frozen=True, slots=True)
class MatterPatterns:
    """Where the matter is in an utterance. Patterns are folded."""

    cuts_marked: str
    """Words that say that something else follows."""
    cuts_plain: str
    """Conjunctions at which two matters may part."""
    joins: str
    """Words between two things that share a verb, separated by spaces."""
    about: str
    """A request for a human about something, with the group `matter`."""
    opens: str
    """How people begin before they name the matter ("ja w sprawie")."""
    empty: str
    """Words beside the name of a thing that tell nothing about it."""


@dataclass(frozen=True, slots=True)
class DenialWords:
    """How a matter is denied, and what ends the denial. Patterns are folded and fit whole words."""

    opens: Mapping[str, str]
    """Patterns of what opens a denial, by name; the most telling first."""
    needs_contrast: frozenset[str]
    """Openings that deny nothing unless something is set against them ("not the card but the app")."""
    sure: frozenset[str]
    """Openings that deny whatever matter follows them."""
    event: frozenset[str]
    """Openings that deny that something happened: what they deny is an emergency or nothing."""
    given_up: frozenset[str]
    """Openings to which `still_wanted` applies."""
    ends: str
    """What ends the words denied, beside a pause."""
    contrast: str
    """Words between what is denied and what is wanted, which say nothing themselves."""
    still_wanted: str
    """Words that make a denial the matter itself: who does not want *this* card *any more* has one to give up."""
    verb: str
    """The verb that a denial may begin with; what follows it is the thing that the contrast may be about."""
    pronouns: frozenset[str]
    """Words that stand for a thing named elsewhere."""
    clause: str
    """Words that only a clause of its own has: where they come without a pause, the denial ended before."""


@dataclass(frozen=True, slots=True)
class PasswordWords:
    """How a password that is a word is told. All are patterns of folded words."""

    name: str
    """Names of a password, in every case."""
    lead: str
    """What may stand before the name where only the password follows it ("moje hasło kotek")."""
    between: str
    """What may stand between the name and what says it ("hasło do aplikacji to …")."""
    said: str
    """What joins the name to the password: "is", "to", "brzmi"."""
    telling: str
    """Words with which one says that the password comes next: "podam", "I'll tell"."""
    changed: str
    """What stands before the name where the password follows a preposition: "zmieniłam hasło na", "set my password to"."""
    changed_to: str
    """That preposition."""
    hedge: str
    """Words before the password that are none of it: "chyba", "I think"."""
    other: str
    """Words that begin something else than a password: "hasło jest błędne", "password is wrong"."""
    stop: str
    """Words that end a password of several words."""


@dataclass(frozen=True, slots=True)
class SecretWords:
    """What personal numbers are called, and what stands between and around their digits. Words and patterns are folded."""

    strong: str
    """A pattern of names of short secrets (PIN, CVV): three digits beside one are masked, far or near."""
    codes: str
    """A pattern of names of codes: three digits that a person says beside one are masked."""
    numbers: str
    """A pattern of names of long numbers and of their parts: four digits right beside one are masked."""
    harmless: str
    """A pattern of names of numbers that are no secret, though they sound like one: "kod pocztowy", "error code"."""
    birth: str
    """A pattern of words for being born: the date beside one is masked."""
    fillers: frozenset[str]
    """Words that people say between the digits of one number, or between a number and its name."""
    corrections: frozenset[str]
    """Fillers that take back the digit before: "nie, sześć"."""
    links: frozenset[str]
    """Words between a number and the name that comes after it: "to mój", "is my"."""
    repeats: Mapping[str, int]
    """Words that say the next digit several times."""
    times: frozenset[str]
    """Words between a count and the digit that is said so often: "trzy razy zero"."""
    zeros: frozenset[str]
    """Words that are a zero only beside another digit: "six oh one"."""
    currencies: str
    """A pattern of whole words after a number that make it an amount."""
    units: str
    """A pattern of whole words after a number that make it a count, a share or a span of time."""
    things: str
    """A pattern of things that callers count: a number before one goes on in no other number."""
    amounts: str
    """A pattern of words before a number that make it an amount without a currency."""
    hours: frozenset[str]
    """Words before a time of day."""
    years: frozenset[str]
    """Words before or after a year."""
    streets: str
    """A pattern of words before or after the number of a house."""
    passwords: PasswordWords


@dataclass(frozen=True, slots=True)
class TurnWords:
    """What the last words heard say about the end of a turn."""

    unfinished: frozenset[str]
    """Sounds of searching, and words that no sentence ends with."""
    hums: frozenset[str]
    """Sounds of attention while somebody else speaks."""
    nods: frozenset[str]
    """Words of attention while somebody else speaks."""
    not_dictated: frozenset[str] = frozenset()
    """Folded number words after which no number goes on ("tylko jedno")."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language."""

    code: str
    """ISO 639-1."""
    number_words: Mapping[str, NumberWord]
    """By the folded word."""
    acts: ActWords
    dates: DateWords
    matters: MatterPatterns
    denials: DenialWords
    secrets: SecretWords
    turns: TurnWords
    fillers: frozenset[str]
    """Sounds that mean nothing, dropped before anything is read."""
    corrections: str
    """A pattern of phrases that take back what was said before them."""
    not_corrected: frozenset[str]
    """Words after such a phrase that go on with the sentence all the same."""
    common_words: frozenset[str]
    """The commonest words of callers, by which the language is recognised without training data."""
    shared_words: frozenset[str]
    """Those among them that another language has too."""
    asked_for: str
    """A pattern of requests for this language, in whatever language they are made."""
    currencies: Mapping[str, str]
    """ISO 4217 code → folded words for it, separated by spaces."""
    money_slang: frozenset[str]
    """Number words of the street that mean money without a currency."""
