"""Mails of the Internet, well-formed and not."""

from __future__ import annotations

import base64
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.mail.limits import MOST_ATTACHMENTS, MOST_SUBJECT, MOST_TEXT
from voicebot.mail.mailbox.mime import read_mail


def test_text_html_and_attachments() -> None:
    message = EmailMessage()
    message["From"] = '"Nowak, Anna" <anna@example.org>'
    message["Subject"] = "Zgubiłam kartę – proszę o pomoc, bo to naprawdę pilne i nie wiem, co robić dalej"
    message.set_content("Zgubiłam kartę.")
    message.add_alternative("<p>Zgubiłam kartę.</p>", subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="umowa łączona.pdf")
    inner = EmailMessage()
    inner.set_content("tego nie czytamy")
    message.add_attachment(inner)
    read = read_mail(message.as_bytes())
    assert (read.subject, read.sender) == (message["Subject"], "anna@example.org")
    assert (read.text or "").strip() == "Zgubiłam kartę."
    assert (read.html, read.attachments) == (None, ("umowa łączona.pdf", "message/rfc822"))
    assert read.id == read_mail(message.as_bytes()).id != read_mail(message.as_bytes() + b"\n").id


def test_html_alone_or_beside_an_excuse_is_what_is_read() -> None:
    message = EmailMessage()
    message.set_content("HTML")
    message.add_alternative("<p>Zgubiłam kartę.</p>", subtype="html")
    read = read_mail(message.as_bytes())
    assert (read.text, (read.html or "").strip()) == (None, "<p>Zgubiłam kartę.</p>")


HEAD = b"Subject: =?x-unheard?q?a?=\nFrom: x\nContent-Type: text/plain; charset="


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (HEAD + b"iso-8859-2\n\nkart\xea", "kartę"),
        (HEAD + b"x-unheard-of\n\n" + "kartę".encode(), "kartę"),
        (HEAD + b"utf-8\n\nkart\xea", "kartę"),  # it lies: cp1250
        (HEAD + b"us-ascii\n\nka\0rta", "karta"),
        (b"\n\nkarta", "\nkarta"),
        (b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n!!!" + base64.b64encode(b"karta"), None),
        (b"", ""),
    ],
)
def test_bad_character_sets_and_encodings_are_read_as_well_as_can_be(octets: bytes, text: str | None) -> None:
    read = read_mail(octets)
    assert text is None or read.text == text


def nested(depth: int) -> bytes:
    parts = [f'Content-Type: multipart/mixed; boundary="b{at}"\n\n--b{at}\n'.encode() for at in range(depth)]
    return b"Subject: karta\n" + b"".join(parts) + b"Content-Type: text/plain\n\nkarta"


@pytest.mark.parametrize("depth", [1, 20, 3000])
def test_nesting_ends_somewhere(depth: int) -> None:
    read = read_mail(nested(depth))
    assert read.subject == "karta"
    assert read.text in ("karta", "")


@given(st.binary(max_size=300) | st.lists(st.sampled_from([*nested(3).splitlines(), b"", b"--b0--", b"\xff"])).map(b"\n".join))
def test_nothing_makes_it_fail(octets: bytes) -> None:
    body = read_mail(octets).as_json()
    assert set(body) <= {"id", "subject", "text", "html", "sender", "attachments"}
    assert str(body).encode()


def test_what_is_too_long_is_cut() -> None:
    message = EmailMessage()
    message["Subject"] = "a" * 5000
    message.set_content("słowo " * 100_000)
    for at in range(MOST_ATTACHMENTS + 5):
        message.add_attachment(b"x", maintype="image", subtype="png", filename=f"{at}.png")
    read = read_mail(message.as_bytes())
    assert (len(read.subject), len(read.text or ""), len(read.attachments)) == (MOST_SUBJECT, MOST_TEXT, MOST_ATTACHMENTS)


@pytest.mark.parametrize(
    "head", [b"Subject: " + b"=?utf-8?q?a?= " * 100_000, b"Content-Type: text/plain" + b";" * 500_000, b"From: " + b"<" * 300_000]
)
def test_a_header_without_end_is_read_as_far_as_anybody_would(head: bytes) -> None:
    assert (read_mail(head + b"\n\nkarta").text or "").strip() == "karta"


def test_a_letter_that_was_cut_through_does_not_change_the_others() -> None:
    octets = b"Content-Type: text/plain; charset=utf-8\n\n" + ("zgubiłam kartę" * 1000).encode()
    assert (read_mail(octets[:-1]).text or "").endswith("zgubiłam kart")


@pytest.mark.parametrize(
    ("head", "automatic"),
    [
        (b"Auto-Submitted: auto-replied", True),
        (b"Auto-Submitted: no", False),
        (b"Precedence: bulk", True),
        (b"List-Id: <news.example.org>", True),
        (b"From: MAILER-DAEMON@example.org (Mail Delivery System)", True),
        (b"Content-Type: multipart/report; boundary=b", True),
        (b"From: Anna <anna@example.org>", False),
    ],
)
def test_what_a_program_wrote_is_told(head: bytes, automatic: bool) -> None:
    assert read_mail(head + b"\n\ntext").as_json().get("automatic", False) is automatic
