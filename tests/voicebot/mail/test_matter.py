"""One decision out of many sentences."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dialogs.data.mail import Need
from nlu.types import Decision, Entity, RankedIntent, Understanding
from voicebot.mail.matter import ACCEPTED, BESIDE, MailMatter, Reading, asks, decide, shares
from voicebot.mail.missing import missing, phone_numbers

EMERGENCIES = {"card_block", "life_danger"}
QUEUES = {"card_issue": "cards", "card_limits_pin": "cards"}


def reading(weight: float = 1.0, *, decision: Decision = Decision.CONFIRM, **shared: float) -> Reading:
    return of(weight, shared, decision)


def of(weight: float, shared: dict[str, float], decision: Decision = Decision.CONFIRM) -> Reading:
    ranking = tuple(RankedIntent(intent, share) for intent, share in sorted(shared.items(), key=lambda each: -each[1]))
    return Reading(weight, Understanding("", ranking[0].intent, ranking[0].confidence, decision, ranking))


def decided(*readings: Reading) -> MailMatter:
    return decide(readings, EMERGENCIES.__contains__, lambda intent: QUEUES.get(intent, intent))


def test_the_matter_of_most_of_the_mail_is_taken() -> None:
    found = decided(reading(fees=0.9), reading(fees=0.8, transfer=0.1), reading(out_of_scope=0.9, transfer=0.1))
    assert (found.intent, found.plausible) == ("fees", None)
    assert round(found.confidence, 3) == 0.567


def test_a_story_in_which_nothing_stands_out_goes_to_a_person() -> None:
    found = decided(*(reading(out_of_scope=0.7, fees=0.3) for _ in range(5)))
    assert (found.intent, found.plausible) == (None, None)
    assert decided().intent is None


def test_a_word_that_means_two_things_is_no_decision_unless_the_same_people_answer_both() -> None:
    assert decided(reading(fees=0.5, transfer=0.5)).intent is None
    assert decided(reading(card_issue=0.5, card_limits_pin=0.5)).intent == "card_issue"


def test_keywords_alone_take_nothing_but_an_emergency() -> None:
    def by_keywords(each: Reading) -> MailMatter:
        return decided(replace(each, meant=replace(each.meant, backend="keywords")))

    assert by_keywords(reading(fees=1.0)).intent is None
    assert by_keywords(reading(card_block=1.0)).intent == "card_block"


def test_an_emergency_needs_less_and_is_never_passed_over() -> None:
    likeliest = decided(reading(card_block=0.9), reading(out_of_scope=1.0), reading(out_of_scope=1.0))
    beside = decided(reading(card_block=0.45, fees=0.55))
    plausible = decided(reading(card_block=0.5), reading(fees=0.9), reading(fees=0.9))
    assert (likeliest.intent, beside.intent) == ("card_block", "card_block")
    assert (plausible.intent, plausible.plausible) == ("fees", "card_block")


def test_life_in_danger_comes_first_wherever_it_is_said() -> None:
    rest = [reading(fees=1.0) for _ in range(9)]
    assert decided(*rest, reading(life_danger=0.9, decision=Decision.ACCEPT)).intent == "life_danger"


def test_a_further_matter_is_told() -> None:
    assert decided(reading(savings=0.9), reading(fees=0.6)).others == ("fees",)


ranked = st.dictionaries(st.sampled_from(["fees", "transfer", "card_block", "out_of_scope"]), st.floats(0, 0.25), min_size=1)


@given(st.lists(st.tuples(ranked, st.sampled_from([1.0, 1.5, 2.0])), min_size=1, max_size=8))
def test_shares_never_exceed_what_was_read_and_nothing_weak_is_taken(parts: list[tuple[dict[str, float], float]]) -> None:
    readings = [of(weight, shared) for shared, weight in parts]
    assert sum(each.confidence for each in shares(readings)) <= 1 + 1e-9
    found = decided(*readings)
    assert found.intent is None or found.intent in EMERGENCIES or found.confidence >= min(ACCEPTED, BESIDE)


def test_a_wish_is_told_from_a_story() -> None:
    assert asks("Proszę o zwiększenie limitu", "pl")
    assert asks("Could you send me a new one", "en")
    assert not asks("W czerwcu byliśmy u Państwa w oddziale", "pl")
    assert not asks("Could you", "uk")


ALL = tuple(Need)


def test_what_is_missing_is_told() -> None:
    assert missing(ALL, "Proszę o pomoc", ()) == ALL
    assert missing(ALL, "tel. 601 234 567, 3 listopada, 120 zł, PL61109010140000071219812874", ()) == ()
    assert missing(ALL, "Call 07700, sent £20 on 3 Nov", ()) == (Need.PHONE, Need.ACCOUNT)
    assert missing((Need.DATE, Need.AMOUNT), "wczoraj dwieście złotych", [Entity("date", "-1", "wczoraj")]) == (Need.AMOUNT,)


def test_an_account_or_a_pesel_is_no_telephone() -> None:
    assert list(phone_numbers("PL61 1090 1014 0000 0712 1981 2874, PESEL 44051401359, karta 4111 1111 1111 1111")) == []
    assert list(phone_numbers("proszę dzwonić: +48 22 555 01 00 lub 601-234-567")) == ["+48225550100", "+48601234567"]
