"""Each trunk's own rules: which headers count, what its numbers look like, what is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from caller_id.headers import read_identity
from caller_id.identify import known_caller
from caller_id.phone_numbers import NumberForm, NumberStyle, parse_number
from caller_id.rules import CallerIdRules, IdentityHeader
from caller_id.types import NumberTrust

PAI, RPID, FROM = "+48600000001", "+48600000002", "+48600000003"
SENT = {"p-asserted-identity": f"<sip:{PAI}@x>", "remote-party-id": f"<sip:{RPID}@x>;party=calling;privacy=off"}
NUMBER_OF = {IdentityHeader.PAI: PAI, IdentityHeader.RPID: RPID, IdentityHeader.FROM: FROM}


def rules(**given: object) -> CallerIdRules:
    return CallerIdRules.model_validate(given)


@given(
    st.permutations(list(IdentityHeader)), st.integers(0, 3), st.sets(st.sampled_from(["p-asserted-identity", "remote-party-id"]))
)
def test_the_first_header_of_the_trunks_order_names_the_caller(order: list[IdentityHeader], most: int, sent: set[str]) -> None:
    """One that does not count is not read at all; From is then a claim."""
    counted = order[:most]
    found = read_identity({name: SENT[name] for name in sent}, f"sip:{FROM}@x", rules(headers=counted))
    there = [header for header in counted if header is IdentityHeader.FROM or header in sent]
    expected = (NUMBER_OF[there[0]], NumberTrust.TRUNK) if there else (FROM, NumberTrust.NONE)
    assert (found.number.e164, found.trust) == expected


@pytest.mark.parametrize(
    ("form", "sent", "e164"),
    [
        ({"number_format": "national"}, "298123456", "+48298123456"),
        ({"number_format": "international"}, "298123456", None),
        ({"number_format": "international"}, "298212345", "+298212345"),
        ({"number_format": "international"}, "376312345", "+376312345"),
        ({"number_format": "any"}, "600100200", "+48600100200"),
        ({"number_format": "international"}, "600100200", None),
        ({"number_format": "national"}, "442079460018", None),
        ({"number_format": "international"}, "442079460018", "+442079460018"),
        ({"number_format": "national"}, "+442079460018", "+442079460018"),
        ({"number_format": "national"}, "00442079460018", "+442079460018"),
        ({"number_format": "national", "country": "DE"}, "03012345678", "+493012345678"),
        ({"number_format": "national", "country": "IT"}, "0669883712", "+390669883712"),
        ({"prefixes": ["9"]}, "9600100200", "+48600100200"),
        ({"prefixes": ["9"]}, "600100200", "+48600100200"),
        ({"prefixes": ["0"]}, "0048600100200", "+48600100200"),
        ({"prefixes": ["77#", "*31#"]}, "77#600100200", "+48600100200"),
        ({"prefixes": ["*31#"], "number_format": "national"}, "*31#600100200", "+48600100200"),
        ({"prefixes": ["1044"], "number_format": "international"}, "104448600100200", "+48600100200"),
    ],
)
def test_a_number_is_read_in_the_trunks_own_form(form: dict[str, object], sent: str, e164: str | None) -> None:
    """A form is strict: what only fits another one might be somebody else's number."""
    found = read_identity({"p-asserted-identity": f"<sip:{sent}@x>"}, "sip:x@h", rules(**form))
    assert found.number.e164 == e164
    assert found.trust is (NumberTrust.TRUNK if e164 else NumberTrust.NONE)


def test_privacy_that_the_trunk_asks_for_on_every_call_hides_nobody() -> None:
    headers = {**SENT, "privacy": "id", "remote-party-id": f"<sip:{RPID}@x>;privacy=full"}
    assert read_identity(headers, f"sip:{FROM}@x", rules()).withheld
    assert read_identity(headers, "sip:anonymous@anonymous.invalid", rules(privacy=False)).number.e164 == PAI
    assert read_identity(headers, FROM, rules(privacy=False, headers=["remote-party-id"])).number.e164 == RPID


def test_a_word_for_withheld_is_withheld_even_so() -> None:
    """There is no number to show."""
    sent = {"p-asserted-identity": "<sip:anonymous@anonymous.invalid>"}
    assert read_identity(sent, f"sip:{FROM}@x", rules(privacy=False)).withheld


@pytest.mark.parametrize(("believed", "trust"), [(True, NumberTrust.ATTESTED), (False, NumberTrust.TRUNK)])
def test_each_trunk_says_whether_its_verification_is_believed(believed: bool, trust: NumberTrust) -> None:
    sent = {"p-asserted-identity": f"<sip:{PAI};verstat=TN-Validation-Passed-A@x>"}
    assert read_identity(sent, FROM, rules(verstat=believed)).trust is trust


DIVERTED = {
    "diversion": "<sip:+48221111111@x>;reason=no-answer",
    "history-info": "<sip:+48222222222@x>;index=1, <sip:+48223333333@x>;index=1.1",
}


@pytest.mark.parametrize(
    ("counted", "number"),
    [
        (["diversion", "history-info"], "+48221111111"),
        (["history-info", "diversion"], "+48222222222"),
        (["history-info"], "+48222222222"),
        ([], None),
    ],
)
def test_the_trunk_says_which_header_tells_a_diversion(counted: list[str], number: str | None) -> None:
    assert read_identity(SENT | DIVERTED, FROM, rules(diversion=counted)).diverted_from == number


@pytest.mark.parametrize(
    ("header", "number"),
    [
        ("<sip:221111111@x>;index=1, <sip:222222222@x>;index=1.1, <sip:223333333@x>;index=1.1.1", "+48222222222"),
        ("<sip:223333333@x>;index=1.1.1, <sip:221111111@x>;index=1, <sip:222222222@x>;index=1.1", "+48222222222"),
        ("<sip:221111111@x>;index=1, <sip:222222222@x>;index=1.1, <sip:223333333@x>;index=1.2;rc=1", "+48221111111"),
        ("<sip:221111111@x>;index=1, <sip:222222222@x>;index=1.1, <sip:223333333@x>;index=1.2;mp=1.1", "+48222222222"),
        ("<sip:221111111@x>;index=1, <sip:222222222@x>;index=1.9, <sip:223333333@x>;index=1.10;mp=1.9", "+48222222222"),
        ("<sip:221111111@x>, <sip:222222222@x>", "+48221111111"),
        ("<sip:221111111@x>;index=a.b, <sip:222222222@x>;index=", "+48221111111"),
        ("<sip:221111111@x?Reason=SIP%3Bcause%3D302&Privacy=history>;index=1, <sip:2@x>;index=1.1", None),
        ("<sip:221111111@x?privacy=HISTORY%3Bid>;index=1, <sip:2@x>;index=1.1", None),
        ("<sip:221111111@x;privacy=nothistory>;index=1, <sip:22@x>;index=1.1", "+48221111111"),
        ("<sip:221111111@x>;index=1", None),
    ],
)
def test_history_tells_from_where_the_call_was_sent_here(header: str, number: str | None) -> None:
    """By the entries' indexes, not their order in the header (RFC 7044, 5.1 and 9.1)."""
    assert read_identity({"history-info": header}, FROM, rules()).diverted_from == number


@given(st.text(max_size=60), st.lists(st.sampled_from(["index=1", "index=1.1", "rc=1", "mp=", "index=٣", "index=1..2"])))
def test_no_history_raises(text: str, parameters: list[str]) -> None:
    entry = f"<sip:{text}@x?{text}>;{';'.join(parameters)}"
    read_identity({"history-info": f"{entry}, {text}, {entry}", "diversion": text}, text, rules())


PREMIUM = ["700123456", "+48701234567", "0048 704 123 456", "sip:+48708123456@x"]


@pytest.mark.parametrize("shown", PREMIUM)
def test_nobody_calls_from_a_premium_number(shown: str) -> None:
    """Who shows one lures us into calling back: it is kept, and nobody vouches for it."""
    found = read_identity({"p-asserted-identity": shown if ":" in shown else f"<tel:{shown}>"}, FROM, rules(verstat=True))
    assert found.number.receives_only
    assert found.trust is NumberTrust.NONE


@pytest.mark.parametrize("shown", ["112", "997", "998", "999"])
def test_an_emergency_number_is_no_callers(shown: str) -> None:
    number = parse_number(f"sip:{shown}@x")
    assert (number.short, number.receives_only, number.e164) == (shown, True, None)
    assert not known_caller(number, NumberTrust.TRUNK).vouched


EXTENSIONS = [
    "{};ext=12",
    "{} ext. 12",
    "{} wew. 12",
    "{} wewn 12",
    "{} w. 12",
    "{}x12",
    "{}#12",
    "tel:{};ext=12",
    "sip:{};ext=12@h",
]


@pytest.mark.parametrize("form", EXTENSIONS)
@pytest.mark.parametrize("number", ["+48221234567", "22 123 45 67", "(22) 123-45-67"])
def test_an_extension_is_told_from_the_switchboards_number(form: str, number: str) -> None:
    written = form.format(number.replace(" ", "-") if ":" in form else number)
    read = parse_number(written)
    assert (read.e164, read.extension) == ("+48221234567", "12")


def test_one_of_many_behind_a_switchboard_speaks_for_nobody_else() -> None:
    """What they prefer must not be remembered for their colleagues."""
    caller = known_caller(parse_number("+48221234567;ext=12"), NumberTrust.TRUNK)
    assert (caller.trust, caller.extension, caller.vouched) == (NumberTrust.TRUNK, "12", False)
    assert known_caller(parse_number("+48221234567"), NumberTrust.TRUNK).vouched


@given(st.text(max_size=40), st.sampled_from(list(NumberStyle)), st.lists(st.sampled_from(["0", "9", "+48", "77#", "*"])))
def test_any_text_is_read_in_any_form_without_an_error(text: str, style: NumberStyle, prefixes: list[str]) -> None:
    for written in (text, f"{text} w. 1", f"sip:{text};ext={text}@h", f"0{text}f"):
        parse_number(written, NumberForm("PL", style, tuple(prefixes)))


@pytest.mark.parametrize("wrong", [{"country": "XX"}, {"country": "pl"}, {"headers": ["to"]}, {"prefixes": ["a"]}, {"x": 1}])
def test_mistakes_in_rules_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        rules(**wrong)
