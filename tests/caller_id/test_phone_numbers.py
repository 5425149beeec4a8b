"""Telephone numbers as networks write them."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caller_id.phone_numbers import UNREADABLE, WITHHELD, NumberKind, is_mobile, parse_number, shorten


@pytest.mark.parametrize(
    ("written", "e164"),
    [
        ("+48600100200", "+48600100200"),
        ("600100200", "+48600100200"),
        ("600 100 200", "+48600100200"),
        ("600\u00a0100\u00a0200", "+48600100200"),
        ("600-100-200", "+48600100200"),
        ("48600100200", "+48600100200"),
        ("0048600100200", "+48600100200"),
        ("0600100200", "+48600100200"),
        ("048600100200", "+48600100200"),
        ("+48 (0) 600 100 200", "+48600100200"),
        ("(22) 123-45-67", "+48221234567"),
        ("022 123 45 67", "+48221234567"),
        ("1033221234567", "+48221234567"),
        ("801 123 456", "+48801123456"),
        ("+380 44 123 45 67", "+380441234567"),
        ("00380671234567", "+380671234567"),
        ("380441234567", "+380441234567"),
        ("4915112345678", "+4915112345678"),
        ("+447700900123", "+447700900123"),
        ("tel:+48-600-100-200", "+48600100200"),
        ("<tel:+48600100200>", "+48600100200"),
        ("tel:221234567;phone-context=+48", "+48221234567"),
        ("sip:+48600100200@pbx.example", "+48600100200"),
        ("sips:48600100200@192.0.2.1:5061;transport=tls", "+48600100200"),
        ("sip:%2B48600100200@pbx.example;user=phone", "+48600100200"),
        ('"Jan K." <sip:+48600100200;npdi;rn=+48699@pbx.example;user=phone>;tag=1', "+48600100200"),
    ],
)
def test_every_form_of_a_number_becomes_e164(written: str, e164: str) -> None:
    """National, international, with 00, + or neither, old prefixes, punctuation, tel: and sip: URIs."""
    assert parse_number(written).e164 == e164


@pytest.mark.parametrize(("written", "short"), [("112", "112"), ("19115", "19115"), ("sip:4021@pbx.example", "4021")])
def test_a_short_code_or_an_extension_is_kept_as_its_digits(written: str, short: str) -> None:
    """Three to six digits are no subscriber number."""
    number = parse_number(written)
    assert (number.kind, number.short, number.e164) == (NumberKind.SHORT, short, None)


@pytest.mark.parametrize(
    "written",
    [
        "anonymous",
        "Anonymous",
        "Restricted",
        "unavailable",
        "UNKNOWN",
        "Zastrzeżony",
        "sip:anonymous@anonymous.invalid",
        '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=8',
        "<sip:restricted@carrier.example>",
        "sip:+48600100200@anonymous.invalid",
    ],
)
def test_a_withheld_number_is_known_as_withheld(written: str) -> None:
    """Words of carriers, and the host of RFC 3323."""
    assert parse_number(written) == WITHHELD


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        " ",
        "+",
        "00",
        "+48 12",
        "6001002001",
        "sip:alice@example.org",
        "sip:@",
        "<>",
        "1" * 70,
        "600 100 200 ext",
        "\x00",
        "٦٠٠",
    ],
)
def test_garbage_is_unreadable(written: str | None) -> None:
    """What is no number gives no number."""
    assert parse_number(written) == UNREADABLE


@pytest.mark.parametrize(
    ("written", "region"), [("+48600100200", "PL"), ("+380671234567", "UA"), ("+447700900123", "GB"), ("+15005550006", "US")]
)
def test_a_number_tells_its_country(written: str, region: str) -> None:
    """Also one that no numbering plan lists: the main country of its code."""
    assert parse_number(written).region == region


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    """Headers are hostile input."""
    for form in (text, f"sip:{text}@x", f'"{text}" <tel:{text}>', f"+{text}"):
        number = parse_number(form)
        assert (number.e164 is not None) == (number.kind is NumberKind.E164)


@given(
    st.sampled_from(["600", "22", "512", "88"]).flatmap(
        lambda head: st.integers(0, 10 ** (9 - len(head)) - 1).map(lambda n: f"{head}{n:0{9 - len(head)}}")
    )
)
def test_all_forms_of_one_number_agree(national: str) -> None:
    """However a valid Polish number is written, it is the same number."""
    if not phonenumbers.is_valid_number(phonenumbers.parse(national, "PL")):
        return
    forms = [
        national,
        f"0{national}",
        f"48{national}",
        f"+48{national}",
        f"0048{national}",
        f"sip:+48{national}@x",
        f"tel:{national}",
    ]
    assert {parse_number(form).e164 for form in forms} == {f"+48{national}"}


@pytest.mark.parametrize(("e164", "short"), [("+48600100123", "+48…123"), ("+380671234567", "+38…567"), ("112", "…"), ("", "…")])
def test_a_shortened_number_keeps_country_and_last_digits(e164: str, short: str) -> None:
    """Enough to tell two calls apart, too little to call."""
    assert shorten(e164) == short


@pytest.mark.parametrize(
    ("e164", "mobile"),
    [("+48600100123", True), ("+380671234567", True), ("+48223344556", False), ("+12125550123", False), ("112", False)],
)
def test_a_mobile_number_is_told_from_one_that_an_office_may_share(e164: str, mobile: bool) -> None:
    """North American numbers do not show which they are."""
    assert is_mobile(e164) is mobile


HOSTS = ["172.16.10.20", "48600100200", "600100200", "[2001:db8::48:600]", "pbx48600100200.example", "10.0.0.1:5060"]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    "form",
    [
        "sip:{}",
        "<sip:{}>",
        "sips:{};transport=tls",
        '"48600100200" <sip:{}>',
        "48600100200 <sip:{}>;tag=1",
        "<sip:{}?Subject=600100200>",
        "sip:@{}",
        "sip:;phone-context=+48@{}",
        "<sip:reception@{}>",
        '"<sip:600100200@x>" <sip:{}>',
    ],
)
def test_a_host_is_never_a_number(form: str, host: str) -> None:
    """Nor is a display name, a parameter or a header of the URI."""
    read = parse_number(form.format(host))
    assert (read.e164, read.short) == (None, None)


@given(st.ip_addresses(v=4).map(str), st.sampled_from(["<sip:{}>", "sip:{}", "sip:{}:5060;lr", '"A" <sip:{};user=phone>']))
def test_no_address_is_a_number(host: str, form: str) -> None:
    assert parse_number(form.format(host)).e164 is None


@given(st.text(max_size=80))
def test_any_uri_is_read_without_an_error(text: str) -> None:
    for form in (text, f"<sip:{text}>", f"sip:{text}@host", f'"{text}" <sip:{text}@{text}>', f"tel:{text}"):
        parse_number(form)


@given(
    st.integers(500_000_000, 799_999_999),
    st.sampled_from(["sip:+48{}@10.0.0.1", '"1 <2>" <sip:0048{}@h;x=1>;tag=9', "<tel:+48{};x=y>", "sip:%2B48{}:pw@h"]),
)
def test_the_user_part_is_the_number_whatever_stands_around_it(number: int, form: str) -> None:
    assert parse_number(form.format(number)).e164 == f"+48{number}"


@pytest.mark.parametrize(
    "written",
    [
        "172.16.10.20",
        " 10.0.0.1 ",
        "(172.16.10.20)",
        "tel:172.16.10.20",
        "sip:172.16.10.20@pbx.example",
        "tel:;phone-context=+48600100200",
        "sip:600100200@",
        "sip:alice;phone-context=+48600100200@h",
        "sip:alice;x=<600100200>@h",
    ],
)
def test_an_address_or_a_context_alone_is_no_number(written: str) -> None:
    """Also where a user or a number should stand."""
    read = parse_number(written)
    assert (read.e164, read.short) == (None, None)


@given(st.ip_addresses(v=4).map(str), st.sampled_from(["{}", "tel:{}", "sip:{}@h", "<sip:{}@{}>", "Jan <tel:{}>"]))
def test_an_address_is_no_number_wherever_it_stands(address: str, form: str) -> None:
    read = parse_number(form.replace("{}", address))
    assert (read.e164, read.short) == (None, None)


@given(st.ip_addresses(v=6).map(str), st.integers(500_000_000, 799_999_999))
def test_the_user_before_an_ipv6_host_is_the_number(host: str, number: int) -> None:
    assert parse_number(f"sip:+48{number}@[{host}]:5060;user=phone").e164 == f"+48{number}"
    assert parse_number(f"sip:[{host}]").e164 is None


@given(st.text(max_size=40), st.sampled_from(["<sip:172.16.10.20>", "<sip:reception@600100200>", "<tel:host>"]))
def test_no_display_name_makes_a_number(display: str, address: str) -> None:
    """A caller chooses it freely."""
    escaped = display.replace("\\", "\\\\").replace('"', '\\"')
    for shown in (escaped, f"48600100200{escaped}", f"<sip:+48600100200@h>{escaped}", f'\\", <sip:+48600100200@h>{escaped}'):
        assert parse_number(f'"{shown}" {address}').e164 is None
