"""What is cut from a mail, and what never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.mail.own_words import MOST_CHARS, beginning, own_words
from voicebot.mail.sentences import MOST_WORDS, sentences

WISH = "Zgubiłam kartę, proszę ją zastrzec."
ENGLISH = "I've lost my card, please stop it."


@pytest.mark.parametrize(
    "text",
    [
        WISH,
        f"Dzień dobry,\n\n{WISH}\n\nPozdrawiam\nAnna Nowak\ntel. 601 234 567",
        f"Szanowni Państwo, {WISH}\nZ poważaniem,\ndr Jan Kot\nAkademia Nauk",
        f"{WISH}\n-- \nAnna\nwww.example.org",
        f"{WISH}\n\nW dniu pt., 20 lis 2026 o 10:12 Bank <b@bank.example> napisał(a):\n> Oferta kredytu\n> dla Pani",
        f"{WISH}\n\nW dniu piątek, 20 listopada 2026 Biuro Obsługi\n<biuro@bank.example> napisał(a):\n\n> Oferta kredytu",
        f"{WISH}\n\nOd: Bank <b@bank.example>\nWysłano: wtorek, 24 listopada 2026\nDo: Anna\nTemat: kredyt\n\nOferta kredytu",
        f"> Czy chce Pani kredyt?\n> Czekamy na decyzję.\n{WISH}",
        f"{WISH}\n\n-----Original Message-----\nFrom: Bank\nSent: Monday\nOferta kredytu",
        f"{WISH}\n\nNiniejsza wiadomość jest przeznaczona wyłącznie dla adresata. Karta, kredyt i konto: zapraszamy.",
        f"{WISH}\n\nWysłano z mojego iPhone'a",
        f"{WISH}\r\n\r\nPozdrawiam\r\nAnna",
        f"{WISH}\nAnna Nowak-Kowalska",
        f"\0{WISH}\u200b\n\nPozdrawiam",
    ],
)
def test_only_the_wish_is_left(text: str) -> None:
    assert own_words(text, "pl").text.replace("\u200b", "") == WISH


@pytest.mark.parametrize(
    "text",
    [
        f"Dear Sir or Madam,\n{ENGLISH}\nYours faithfully\nE. Carter",
        f"Hi Tom, {ENGLISH}\n\nThanks in advance!\nEmily",
        f"{ENGLISH}\n\nOn Thu, 19 Nov 2026 at 09:41, Tom <tom@bank.example> wrote:\n> Your mortgage",
        f"{ENGLISH}\n\nFrom: Bank <b@bank.example>\nSent: Tuesday\nTo: Emily\nSubject: a loan\n\nYour loan",
        f"{ENGLISH}\n\nThis e-mail and any attachments are confidential. If your card is lost call us.",
        f"{ENGLISH}\n\nSent from my iPhone",
    ],
)
def test_in_english_too(text: str) -> None:
    assert own_words(text, "en").text == ENGLISH


def test_what_is_written_below_the_signature_is_read() -> None:
    text = f"Dziękuję za odpowiedź w sprawie kredytu.\n\nPozdrawiam\nAnna\n\nPS. {WISH}"
    assert WISH in own_words(text, "pl").text


def test_a_sentence_that_begins_like_a_closing_is_none() -> None:
    text = "Thanks for the new card, but it is the wrong one and I cannot use it.\nCan you send another?"
    assert own_words(text, "en").text == text


def test_a_mail_passed_on_is_read_beside_what_is_above_it() -> None:
    text = f"Co z tym zrobić?\n\n---------- Forwarded message ---------\nOd: Ola\nTemat: karta\n\n{WISH}\n\nPozdrawiam\nOla"
    own = own_words(text, "pl")
    assert (own.text, own.passed_on) == ("Co z tym zrobić?", WISH)


def test_a_language_without_wording_keeps_all_but_quotations_and_the_signature() -> None:
    assert own_words("Загубила картку.\n> стара\n-- \nОля", "uk").text == "Загубила картку."


@given(st.text(max_size=400), st.sampled_from(["pl", "en", "uk"]))
def test_nothing_makes_it_fail(text: str, language: str) -> None:
    own = own_words(text, language)
    for sentence in sentences(own.text):
        assert 0 < len(sentence.split()) <= MOST_WORDS
        assert all(char.isprintable() for char in sentence)


@pytest.mark.parametrize(
    "piece", ["hi, ", "> ", "pozdrawiam\n", "od: x\n", "w dniu ", "a" * 50 + " ", "-- \n", "1. ", "?! ", "\n\n"]
)
def test_long_and_odd_texts_are_cut(piece: str) -> None:
    own = own_words(piece * 50_000, "pl")
    assert len(own.text) <= MOST_CHARS
    assert isinstance(sentences(own.text), list)


def test_sentences_are_what_a_person_would_say() -> None:
    text = "Mieszkam na ul. Długiej 3 od r. 2019,\nczyli długo. Karta nie działa!\n\n1. Co robić?\n2. Kiedy przyjdzie nowa?"
    assert sentences(text) == [
        "Mieszkam na ul. Długiej 3 od r. 2019, czyli długo.",
        "Karta nie działa!",
        "Co robić?",
        "Kiedy przyjdzie nowa?",
    ]


@pytest.mark.parametrize("filling", ["słowo ", "1 ", "a", "4111 1111 1111 1111 "])
def test_no_half_of_a_number_is_left_where_a_long_text_is_cut(filling: str) -> None:
    for before in range(MOST_CHARS - 24, MOST_CHARS):
        text = (filling * MOST_CHARS)[:before] + " 4111 1111 1111 1111 i jeszcze wiele słów"
        cut = beginning(text, MOST_CHARS)
        assert len(cut) <= MOST_CHARS
        assert cut.endswith("4111 1111 1111 1111 i") or not cut[-1].isdigit()
