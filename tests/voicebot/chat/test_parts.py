"""The parts of the text channel by themselves: messages, limits, languages, wording, offers."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caller_id.types import Caller
from dialogs import Dialog
from dialogs.data.bundle import DEFAULT_BUNDLE, Bundle, load_bundle
from dialogs.data.spoken_values import KNOWN_VALUES
from dialogs.events import CallStarted, CollectKeys, Heard, KeyPressed, Listen, Prompt
from dialogs.rehearsal.meanings import parse_meaning
from tests.voicebot.chat.bank import DAY
from voicebot.chat.kept_words import KeptWords
from voicebot.chat.limits import MINUTE_S, MessageBudget, may_connect
from voicebot.chat.messages import LanguageChosen, Left, MessageRefused, Pressed, Said, StillHere, parse_message
from voicebot.chat.offers import choices
from voicebot.chat.page import content_security_policy, wanted_language
from voicebot.chat.settings import ChatSettings
from voicebot.chat.stage import PatientConversation
from voicebot.chat.wording import written_text
from voicebot.redaction import redact_text


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle()


# ---------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ('{"type": "say", "text": "  zgubiłem\\n kartę\\u0000 "}', Said("zgubiłem kartę")),
        ('{"type": "say", "text": "pay\\u202epal\\u200b"}', Said("paypal")),
        ('{"type": "say", "text": "<img src=x onerror=alert(1)>"}', Said("<img src=x onerror=alert(1)>")),
        ('{"type": "key", "key": "#"}', Pressed("#")),
        ('{"type": "language", "language": "en"}', LanguageChosen("en")),
        ('{"type": "still_here"}', StillHere()),
        ('{"type": "bye", "more": 1}', Left()),
    ],
)
def test_a_message_of_the_page_is_understood(raw: str, meant: object) -> None:
    """Words become one line without what cannot be seen; markup stays the text it is."""
    assert parse_message(raw, 100) == meant


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "bad_message"),
        ("nonsense", "bad_message"),
        ("[" * 100_000, "bad_message"),
        ("[1]", "bad_message"),
        ("null", "bad_message"),
        ('{"type": "say"}', "bad_message"),
        ('{"type": "say", "text": 5}', "bad_message"),
        ('{"type": ["say"], "text": "a"}', "bad_message"),
        ('{"type": "key", "key": "12"}', "bad_message"),
        ('{"type": "key", "key": "A"}', "bad_message"),
        ('{"type": "key", "key": ""}', "bad_message"),
        ('{"type": "language", "language": "en; rm"}', "bad_message"),
        ('{"type": "handed_over"}', "bad_message"),
        ('{"type": "say", "text": " \\n "}', "empty"),
        (json.dumps({"type": "say", "text": "a" * 101}), "too_long"),
    ],
)
def test_anything_else_is_refused_with_a_reason(raw: str, code: str) -> None:
    """A page, or somebody with a script, learns why."""
    with pytest.raises(MessageRefused) as refused:
        parse_message(raw, 100)
    assert refused.value.code == code


@given(st.text(max_size=200))
def test_whatever_is_written_comes_out_as_one_visible_line_or_is_refused(text: str) -> None:
    """No control character, line break or lone surrogate reaches the dialogue or a log."""
    try:
        said = parse_message(json.dumps({"type": "say", "text": text}), 200)
    except MessageRefused:
        return
    assert isinstance(said, Said)
    assert said.text == " ".join(said.text.split())
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in said.text)
    said.text.encode()


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))))
def test_no_input_breaks_the_parser(raw: str) -> None:
    """It is parsed or refused."""
    try:
        parse_message(raw, 50)
    except MessageRefused:
        return


@pytest.mark.parametrize("emoji", ["\U0001f600", "\U0001faea", "\U0001fadf"])
def test_an_emoji_is_words_also_when_it_is_newer_than_our_tables(emoji: str) -> None:
    """Whoever writes only a face has written something."""
    assert parse_message(json.dumps({"type": "say", "text": emoji}), 100) == Said(emoji)


@pytest.mark.parametrize("id", ["", "a b", "x" * 41, "<b>", 5, None])
def test_a_name_for_words_that_can_be_none_is_left_out(id: object) -> None:
    """The words count all the same."""
    assert parse_message(json.dumps({"type": "say", "text": "a", "id": id}), 100) == Said("a")


# ---------------------------------------------------------------- what is kept of words


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (["Proszę podać PIN", "chwila", "1234"], "<code>"),
        (["Please tell me your PIN", "one two three four"], "<code>"),
        (["Jakie jest Pani hasło?", "Kotek123"], "<password>"),
        (["440514", "01359"], "<digits>"),
        (["dzień dobry", "wpłaciłam 1500 zł", "nie, 1200 zł"], "nie, 1200 zł"),
        (["PIN?", "a po co", "nie powiem", "dobrze", "mam 2 karty"], "mam 2 karty"),
    ],
)
def test_a_line_is_redacted_as_the_answer_to_the_lines_before(lines: list[str], kept: str) -> None:
    """What it hides depends on what was asked."""
    words = KeptWords()
    assert [words.take(line) for line in lines][-1] == kept


@given(st.lists(st.text(alphabet="PIN hasłokod 0123456789?.,-", max_size=30), max_size=6))
def test_no_line_is_kept_with_more_than_it_would_be_alone(lines: list[str]) -> None:
    """The lines before can only hide more."""
    words = KeptWords()
    for line in (" ".join(each.split()) for each in lines):
        assert sum(map(str.isdigit, words.take(line))) <= sum(map(str.isdigit, redact_text(line)))


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("origin", "host", "may"),
    [
        ("https://chat.bank.example", "chat.bank.example", True),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("HTTPS://Chat.Bank.Example", "chat.bank.example", True),
        ("https://www.bank.example", "chat.bank.example", True),
        ("https://www.bank.example.evil.example", "chat.bank.example", False),
        ("https://evil.example", "chat.bank.example", False),
        ("http://127.0.0.1:8081", "127.0.0.1:8080", False),
        ("null", "chat.bank.example", False),
        ("file://", "", False),
        ("", "", False),
        (None, "chat.bank.example", False),
        ("http://[", "[", False),
    ],
)
def test_only_pages_of_the_bank_may_open_a_chat(origin: str | None, host: str, may: bool) -> None:
    """The page's own origin, and those the bank names; a client that does not say where it comes from is no browser."""
    assert may_connect(origin, host, ("https://www.bank.example",)) is may


def test_messages_above_the_budget_of_a_minute_are_refused_until_a_minute_has_passed() -> None:
    """One who slows down goes on."""
    budget = MessageBudget(3)
    assert [budget.take(at) for at in (0.0, 1.0, 2.0, 3.0)] == [True, True, True, False]
    assert not budget.abusive
    assert budget.take(MINUTE_S)
    assert not budget.take(MINUTE_S + 0.5)


def test_one_who_goes_on_when_told_to_slow_down_is_abusive() -> None:
    """After as many refusals in a row as the budget has messages."""
    budget = MessageBudget(3)
    taken = [budget.take(0.0) for _ in range(6)]
    assert (sum(taken), budget.abusive) == (3, False)
    assert not budget.take(0.0)
    assert budget.abusive


# ---------------------------------------------------------------- the page's language and policy


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("en", "pl", "en"),
        (None, "en-GB,en;q=0.9,pl;q=0.8", "en"),
        (None, "de, en;q=0.5, pl;q=0.7", "pl"),
        (None, "en;q=0, *", "pl"),
        (None, "en;q=much", "pl"),
        (None, "", "pl"),
        ("xx", "fr", "pl"),
        ('"><script>', "en", "en"),
    ],
)
def test_the_page_comes_in_the_language_asked_for_or_liked_best(asked: str | None, accepted: str, language: str) -> None:
    """By ?lang=, then by the browser's list, then Polish."""
    assert wanted_language(asked, accepted, ("pl", "en")) == language


def test_only_the_sites_the_bank_names_may_show_the_page_in_a_frame() -> None:
    """Nobody unless named: clickjacking."""
    assert "frame-ancestors 'none'" in content_security_policy()
    assert "frame-ancestors https://www.bank.example;" in content_security_policy(("https://www.bank.example",))


# ---------------------------------------------------------------- what the bot writes and offers


@pytest.mark.parametrize(
    ("prompt", "language", "written"),
    [
        (Prompt("expected_wait", (("wait", "12"),)), "en", "The wait is about 12 min."),
        (Prompt("callback_confirm", (("number_digits", "600100200"),)), "en", "The number is 600 100 200. Is that right?"),
        (Prompt("ask_matter_silence"), "en", "Please write how I can help."),
        (Prompt("rescue.apology"), "en", "I'm sorry, I couldn't put you through. Please call again in a moment."),
    ],
)
def test_values_are_written_in_figures_and_the_wording_is_the_chats(
    bundle: Bundle, prompt: Prompt, language: str, written: str
) -> None:
    """Nobody writes telephone numbers in words; what has a wording for the text channel uses it."""
    assert written_text(bundle, prompt, language, DAY) == written


def test_every_text_of_the_bundle_can_be_written(bundle: Bundle) -> None:
    """With a value of each kind that prompts may ask for."""
    values = {
        "number": "3",
        "minutes": "12",
        "hour": "08:30",
        "date": "2026-12-05",
        "phone": "+48600100200",
        "digits": "600100200",
        "text": "zielony rower",
    }
    nested = {"prompt": "matter.blik"}
    params = tuple((name, (values | nested)[kind]) for name, kind in KNOWN_VALUES.items())
    for language in ("pl", "en"):
        for prompt_id in bundle.prompts.files[language].prompts:
            text = written_text(bundle, Prompt(prompt_id, params), language, DAY)
            assert text
            assert "{" not in text


def started(bundle: Bundle, language: str = "en") -> Dialog:
    dialog = Dialog(bundle, call_id="c1")
    dialog.handle(CallStarted(Caller(), line="chat", channel="chat", language=language), DAY)
    return dialog


def test_every_menu_is_offered_as_buttons_with_approved_names(bundle: Bundle) -> None:
    """The same keys as on the telephone; none without a name."""
    dialog = started(bundle)
    dialog.handle(KeyPressed("*"), DAY)
    offered = choices(bundle, dialog.state, DAY)
    assert [choice.key for choice in offered] == list(bundle.routes.menus["main"])
    assert offered[0].label == "Cards"
    dialog.handle(KeyPressed("1"), DAY)
    assert choices(bundle, dialog.state, DAY)[0].label == "Blocking a card"


@pytest.mark.parametrize(
    ("meaning", "names"),
    [
        ("choose mortgage cash_loan", ["A mortgage", "A cash loan", "none_of_these"]),
        ("confirm mortgage", ["yes", "no"]),
        ("reject", []),
    ],
)
def test_what_is_asked_decides_what_is_offered(bundle: Bundle, meaning: str, names: list[str]) -> None:
    """The matters to choose from, yes and no, or nothing at an open question."""
    dialog = started(bundle)
    dialog.handle(Heard("words", understanding=parse_meaning(meaning, "words")), DAY)
    assert [choice.label or choice.name for choice in choices(bundle, dialog.state, DAY)] == names


def test_answers_have_the_banks_own_names_where_the_bundle_has_them(tmp_path: Path) -> None:
    """In the language of the conversation; the page's own words stand for the rest."""
    folder = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    english = folder / "prompts" / "en.yml"
    english.write_text(f'{english.read_text(encoding="utf-8").rstrip()}\n  choice.yes: "Yes, please"\n', encoding="utf-8")
    dialog = started(load_bundle(folder))
    dialog.handle(Heard("words", understanding=parse_meaning("confirm mortgage", "words")), DAY)
    yes, no = choices(dialog.bundle, dialog.state, DAY)
    assert (yes.key, yes.label, yes.name) == ("1", "Yes, please", "yes")
    assert (no.key, no.label, no.name) == ("2", "", "no")


def test_writers_are_given_more_time_than_speakers() -> None:
    """Every silence is ten times as long, and at least so long that the bot reminds of itself once before an idle chat ends."""

    class Short:
        def handle(self, event: object, now: object) -> list[Listen | CollectKeys]:
            return [Listen(no_input_s=6.0), Listen(no_input_s=60.0), CollectKeys(9, timeout_s=4.0)]

    settings = ChatSettings(idle_s=600)
    listen, long, collect = PatientConversation(Short(), settings).handle(KeyPressed("1"), DAY)  # type: ignore[arg-type]
    assert isinstance(listen, Listen)
    assert isinstance(long, Listen)
    assert isinstance(collect, CollectKeys)
    assert (listen.no_input_s, long.no_input_s, collect.timeout_s) == (360.0, 600.0, 360.0)
    assert 2 * settings.longest_silence_s > settings.idle_s
