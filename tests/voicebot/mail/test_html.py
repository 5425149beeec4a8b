"""The text of HTML mails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.mail.html import text_of
from voicebot.mail.limits import MOST_HTML


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            "<p>Dzień&nbsp;dobry,</p><div>zgubiłam <b>kartę</b><br>proszę o blokadę</div>",
            "Dzień dobry,\n\nzgubiłam kartę\nproszę o blokadę",
        ),
        ("<style>p{}</style><script>steal()</script><title>x</title>karta", "karta"),
        ("<div style='DISPLAY: none'>spam<div>spam</div>spam</div>karta", "karta"),
        ("karta<!-- kredyt --><!-- nigdy nie zamknięte", "karta"),
        ("karta<blockquote>kredyt<p>oferta</p></blockquote>", "karta\n\n> kredyt\n\n> oferta"),
        ("karta<div class=gmail_quote>Bank napisał:<blockquote>oferta</blockquote></div>", "karta\n> Bank napisał:\n\n> oferta"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "ab\nc"),
        ("kwota &lt; 5 &euro; &#0; &amp;amp;", "kwota < 5 € \N{REPLACEMENT CHARACTER} &amp;"),
        ("2 < 3 i 5 > 4", "2 < 3 i 5 > 4"),
        ("ka\0rta", "karta"),
    ],
)
def test_what_a_reader_sees(html: str, text: str) -> None:
    assert text_of(html) == text


@given(st.text(alphabet="<>/&;#!-?='\" \nabdiv", max_size=300))
def test_nothing_makes_it_fail(html: str) -> None:
    assert isinstance(text_of(html), str)


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<!--", "<div>", "<blockquote>", "&#", "</", "<p style='display:", "<a href='", "<?", "&amp"]
)
def test_what_stops_other_parsers_is_read_through(piece: str) -> None:
    """The standard library's needs hours for the second of these."""
    assert len(text_of(piece * MOST_HTML)) <= MOST_HTML


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<" + "a" * MOST_HTML, "<" + "a" * (MOST_HTML - 1)),
        ("&#" + "9" * 5000 + ";karta", "\N{REPLACEMENT CHARACTER}karta"),
        ("&#x" + "f" * 5000 + ";karta", "\N{REPLACEMENT CHARACTER}karta"),
    ],
)
def test_names_and_numbers_without_end_end(html: str, text: str) -> None:
    assert text_of(html) == text
