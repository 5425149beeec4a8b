"""Every range of the Polish numbering plan, as `phonenumbers` knows it, in every form that carriers write."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumberType

from caller_id.phone_numbers import NumberForm, NumberKind, NumberStyle, parse_number

_PLAN = PhoneMetadata.metadata_for_region("PL", None)
assert _PLAN is not None
KINDS = {
    name: description.national_number_pattern
    for name in ("fixed_line", "mobile", "pager", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "uan")
    if (description := getattr(_PLAN, name)) is not None and description.national_number_pattern
}
FORMS = [
    "{n}", "0{n}", "48{n}", "+48{n}", "0048{n}", "00 48 {n}", "+48 (0) {n}", "(+48){n}", "1033{n}", "10440{n}",
    "sip:+48{n}@10.0.0.1", "sip:48{n}@carrier.pl;user=phone", '"Firma, Jan" <sip:0{n}@h>', "tel:{n};phone-context=+48",
    "<sip:%2B48{n};npdi;rn=+48699@h>;tag=1", "{n}F", "tel:+48-{n}", "+48\u00a0{n}",
]  # fmt: skip


def _numbers(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True).filter(
        lambda text: phonenumbers.is_valid_number(phonenumbers.parse(f"+48{text}", None)) and len(text) == 9
    )


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_number_of_any_range_is_the_same_in_every_form(kind: str, data: st.DataObject) -> None:
    national = data.draw(_numbers(KINDS[kind]))
    for form in FORMS:
        assert parse_number(form.format(n=national)).e164 == f"+48{national}", form
    strict = [(NumberStyle.NATIONAL, national), (NumberStyle.INTERNATIONAL, f"48{national}")]
    assert {parse_number(text, NumberForm(style=style)).e164 for style, text in strict} == {f"+48{national}"}


@pytest.mark.parametrize("ending", ["000000", "123456", "999999"])
def test_every_range_is_read_or_refused_as_the_plan_says(ending: str) -> None:
    """All thousand beginnings of national numbers: none is read as another country's, none that does not exist is guessed."""
    for head in range(1000):
        national = f"{head:03}{ending}"
        number = phonenumbers.parse(f"+48{national}", None)
        read = parse_number(national, NumberForm(style=NumberStyle.NATIONAL))
        exists = phonenumbers.is_valid_number(number) and not national.startswith("0")
        assert (read.kind is NumberKind.E164) is exists or national.startswith("0"), national
        if exists:
            premium = phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE
            assert (read.e164, read.region, read.receives_only) == (f"+48{national}", "PL", premium)


@pytest.mark.parametrize("region", "DE GB UA FR US IT CZ LT NO SE IE NL AT SK BY VN".split())
@pytest.mark.parametrize("kind", [PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE])
def test_numbers_of_other_countries_keep_their_country(region: str, kind: int) -> None:
    """In the forms that foreign carriers present; without plus and zeros where the trunk is known to write them so."""
    number = phonenumbers.example_number_for_type(region, kind)
    assert number is not None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    bare = e164.removeprefix("+")
    for form in (e164, f"00{bare}", shown, shown.replace(" ", "-"), f"<tel:{e164}>", f"sip:%2B{bare}@h", f"sip:00{bare}@h"):
        assert parse_number(form).e164 == e164, form
    assert parse_number(bare, NumberForm(style=NumberStyle.INTERNATIONAL)).e164 == e164
    assert parse_number(bare, NumberForm(style=NumberStyle.NATIONAL)).e164 != e164 or region == "PL"
