"""The invented mails, and that the figures told of them are those of what happened."""

from __future__ import annotations

import pytest

from bench.mail import Answered, Invented, _row, read_mails
from dialogs.data.bundle import load_bundle
from nlu.pack.pack import BANK_PACK, Pack
from nlu.types import OUT_OF_SCOPE
from voicebot.mail.sentences import sentences

TELLING = 6
"""A sentence of so many words is nobody else's by chance."""


@pytest.mark.parametrize("language", ["pl", "en"])
def test_there_are_enough_mails_all_different_each_about_something_known(language: str) -> None:
    mails, known = read_mails(language), {*Pack(BANK_PACK).intents, OUT_OF_SCOPE}
    assert len(mails) >= 200
    assert len({(each.subject, each.text) for each in mails}) == len(mails)
    assert {each.wants for each in mails} <= known
    assert {each.then for each in mails if each.then} <= known
    assert {each.length for each in mails} == {"short", "middle", "long"}
    emergencies = {name for name, route in load_bundle().routes.matters.items() if route.emergency}
    assert {each.wants for each in mails} >= emergencies


def test_none_of_them_is_in_the_training_data() -> None:
    for language in ("pl", "en"):
        taught = " ".join(path.read_text(encoding="utf-8") for path in Pack(BANK_PACK).files(language)).lower()
        for mail in read_mails(language):
            for sentence in sentences(mail.text):
                assert len(sentence.split()) < TELLING or sentence.lower() not in taught


def answered(wants: str, intent: str | None, queue: str, right: str) -> Answered:
    return Answered(Invented("pl", "", "", wants, None, held_out=True), intent, queue, right)


def test_figures() -> None:
    found = [
        answered("fees", "fees", "accounts", "accounts"),
        answered("fees", "transactions", "accounts", "accounts"),
        answered("fees", None, "general", "accounts"),
        answered(OUT_OF_SCOPE, None, "general", "general"),
    ]
    name, count, matter, queue, person, outside = _row("all", found)
    assert (name, count) == ("all", "4")
    assert (matter[:5], queue[:6], person[:5], outside[:6]) == ("50.0%", "100.0%", "33.3%", "100.0%")
