"""Whole mails, by the real classifier and the default bundle."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from caller_id.types import Segment
from dialogs.data.bundle import load_bundle
from dialogs.data.routes import HIGHEST_PRIORITY
from voicebot.mail.steering import Mail, MailSteering, Urgency, guessed_language, subject_of
from voicebot.understanding.service import UnderstandingService

BUNDLE = load_bundle()
NOON = datetime(2026, 11, 27, 11, 0, tzinfo=UTC)

LOST = (
    "Dzień dobry,\nwczoraj byłam na targu, kupiłam jabłka i chleb. W domu zobaczyłam, że w torebce nie ma karty do konta. "
    "Szukałam wszędzie. Proszę ją jak najszybciej zastrzec. Mój PESEL 44051401359.\n\nPozdrawiam\nHalina Wróbel\ntel. 601 234 567"
)
STANDING = (
    "Hello,\nI rent a flat and pay the landlord on the tenth of each month. I would like it to go out by itself. "
    "How do I set up a standing order for 900 pounds?\nBest wishes,\nOlivia"
)


@pytest.fixture
def steering(understanding: UnderstandingService) -> MailSteering:
    return MailSteering(lambda: understanding, lambda: BUNDLE, clock=lambda: NOON)


async def test_a_lost_card_is_an_emergency_in_any_segment(steering: MailSteering) -> None:
    found = await steering.steer(Mail("karta", LOST, segment=Segment.PRIVATE_BANKING))
    assert (found.language, found.intent, found.queue, found.urgency) == ("pl", "card_block", "card_emergency", Urgency.EMERGENCY)
    assert found.priority == HIGHEST_PRIORITY
    assert found.missing == ()
    assert found.phone == "+48601234567"
    assert found.acknowledgement == BUNDLE.prompts.files["pl"].prompts["mail.received_emergency"].text
    assert "44051401359" not in found.text
    assert "Wróbel" not in found.text


async def test_a_program_gets_no_acknowledgement(steering: MailSteering) -> None:
    found = await steering.steer(Mail("karta", LOST, automatic=True))
    assert (found.acknowledgement, found.queue) == ("", "card_emergency")


async def test_what_the_subject_names_is_masked_in_the_text(steering: MailSteering) -> None:
    found = await steering.steer(Mail("mój PIN do karty", "4821\n\nnie działa od rana", "pl"))
    assert (found.subject, found.text) == ("mój PIN do karty", "<code>\n\nnie działa od rana")


async def test_an_ordinary_matter_goes_by_the_segment(steering: MailSteering) -> None:
    plain = await steering.steer(Mail("standing order", STANDING))
    select = await steering.steer(Mail("standing order", STANDING, segment=Segment.SELECT))
    assert (plain.language, plain.intent, plain.queue, plain.priority) == ("en", "standing_order", "payments", 0)
    assert (select.queue, select.priority, select.urgency) == ("select", 4, Urgency.ORDINARY)
    assert plain.acknowledgement == BUNDLE.prompts.files["en"].prompts["mail.received"].text


@pytest.mark.parametrize("text", ["", "test", "Zapraszamy na festyn z orkiestrą i pierogami.", "???", "\0\0"])
async def test_what_fits_nothing_goes_to_people_who_read_it(steering: MailSteering, text: str) -> None:
    found = await steering.steer(Mail("", text, "pl"))
    assert (found.intent, found.queue, found.urgency) == (None, BUNDLE.default_queue, Urgency.ORDINARY)


async def test_shouting_makes_nothing_urgent(steering: MailSteering) -> None:
    text = "Jak zmienić adres do korespondencji? Przeprowadziłem się do Poznania."
    calm, loud = [await steering.steer(Mail(each, each, "pl")) for each in (text, f"PILNE!!! {text.upper()} NATYCHMIAST!!!")]
    assert (calm.intent, calm.urgency) == ("personal_data", Urgency.ORDINARY)
    assert (loud.intent, loud.urgency) == ("personal_data", Urgency.ORDINARY)


async def test_a_death_in_the_family_is_read_before_others(steering: MailSteering) -> None:
    text = "W sierpniu zmarł mój tata. Miał u Państwa konto. Co zrobić, żeby je zamknąć? Mam akt zgonu."
    assert (await steering.steer(Mail("konto taty", text, "pl"))).urgency is Urgency.SOON


async def test_what_is_quoted_decides_nothing(steering: MailSteering) -> None:
    quoted = "W dniu 20.11.2026 Bank <b@bank.example> napisał(a):\n" + "> Zgubiona karta? Proszę zastrzec kartę!\n" * 20
    found = await steering.steer(
        Mail("Re: zgubiona karta?", f"Ile kosztuje prowadzenie konta i za co ta opłata 9,99 zł?\n\n{quoted}", "pl")
    )
    assert found.intent == "fees"


async def test_a_number_of_the_bank_in_a_quoted_mail_is_not_the_senders(steering: MailSteering) -> None:
    quoted = "W dniu 20.11.2026 Bank <b@bank.example> napisał(a):\n> Proszę dzwonić: 22 555 01 00, wpłata 120 zł"
    found = await steering.steer(Mail("", f"Zgubiłam kartę, proszę ją zastrzec.\n\n{quoted}", "pl"))
    assert (found.phone, found.missing) == (None, ("phone",))


async def test_a_mail_that_only_passes_another_on_is_about_that_one(steering: MailSteering) -> None:
    text = f"Proszę zobaczyć poniżej.\n\n---------- Forwarded message ---------\nOd: Mama\nTemat: x\n\n{LOST}"
    assert (await steering.steer(Mail("Fwd: mama", text, "pl"))).intent == "card_block"


def test_the_language_is_told_from_the_words() -> None:
    assert guessed_language(LOST, ["pl", "en"]) == "pl"
    assert guessed_language(STANDING, ["pl", "en"]) == "en"
    assert guessed_language("", ["pl", "en"]) == "pl"


def test_a_subject_is_without_what_programs_put_before_it() -> None:
    assert subject_of("Re: Odp: FWD: karta\r\nBcc: x") == "karta Bcc: x"
    assert subject_of("pytanie: konto") == "pytanie: konto"
