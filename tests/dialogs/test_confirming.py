"""Proof by the app during a call: the two words, a way out at any time, and every end of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from caller_id.types import Authentication, NumberTrust, Segment
from dialogs.data.bundle import DEFAULT_BUNDLE, Bundle, load_bundle
from dialogs.engine.state import Phase
from dialogs.events import AuthorisationAsked, AuthorisationResult, Authorise, Listen, Say
from tests.dialogs.calls import AGENT, NO, NONSENSE, YES, Call, means

KNOWN = {"customer_ref": "C-1"}
PAIR = "app_pair"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The default bundle, asking for proof before two matters."""
    folder = Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path_factory.mktemp("bundle") / "bundle"))
    routes = folder / "routes.yml"
    text = routes.read_text(encoding="utf-8")
    line = '    numbers: ["+48225550100"]\n'
    assert line in text
    routes.write_text(text.replace(line, f"{line}    app_confirmation: [personal_data, loan_service]\n"), encoding="utf-8")
    return load_bundle(folder)


def asked(bundle: Bundle, app: str = "waits", **started: Any) -> Call:
    """A call whose app has just been asked."""
    call = Call(bundle, caller=KNOWN, app=app, app_proof=True, **started)
    return call.hears(means("personal_data"), YES)


def test_the_two_words_are_said_twice_and_the_call_listens(bundle: Bundle) -> None:
    call = asked(bundle)
    assert call.last_said == ["app_words", PAIR, "app_words_again", PAIR, "app_close"]
    says = [action for action in call.actions if isinstance(action, Say)][-1]
    assert says.barge_in
    assert [dict(prompt.params).get("pair") for prompt in says.prompts if prompt.id == PAIR] == ["zielony rower"] * 2
    assert isinstance(call.actions[-1], Listen)
    assert call.dialog.state.phase is Phase.AUTHORISING


def test_confirmed_the_call_goes_on_at_once(bundle: Bundle) -> None:
    call = asked(bundle)
    call.answer_in_app("confirms")
    assert call.last_said == ["app_confirmed", "connect.accounts"]
    assert call.waits().handed.segment_by in ("app", "unknown")
    assert "authorised" in call.handed.tried


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("refused", "app_refused"),
        ("no_app", "app_not_asked"),
        ("limit", "connect.accounts"),
        ("busy", "connect.accounts"),
        ("unavailable", "connect.accounts"),
        ("other_customer", "connect.accounts"),
    ],
)
def test_every_other_end_leads_on_too(bundle: Bundle, how: str, says: str) -> None:
    call = asked(bundle)
    call.answer_in_app(how)
    assert call.last_said[0] == says
    assert call.waits().handed.queue == "accounts"
    assert f"not_authorised:{how}" in call.handed.tried
    assert call.dialog.state.authentication is Authentication.NONE


def test_a_request_that_expired_is_repeated_once(bundle: Bundle) -> None:
    call = asked(bundle)
    call.answer_in_app("expired")
    assert call.last_said == ["app_again"]
    call.hears(YES)
    assert call.last_said[:2] == ["app_words", PAIR]
    call.answer_in_app("expired")
    assert call.last_said == ["connect.accounts"]
    assert sum(isinstance(action, Authorise) for action in call.actions) == 2


def test_whoever_refused_in_the_app_is_not_asked_again(bundle: Bundle) -> None:
    call = asked(bundle)
    call.answer_in_app("refused")
    call.hears(means("loan_service", act="deny", text="nie, chodzi o kredyt")).waits()
    assert sum(isinstance(action, Authorise) for action in call.actions) == 1


@pytest.mark.parametrize(
    "words",
    [
        "bez aplikacji",
        "nie mam aplikacji",
        "a nie, pomińmy to",
        "wie pani co dajmy sobie spokój",
        "ja nie mam telefonu przy sobie",
    ],
)
def test_a_way_out_by_words(bundle: Bundle, words: str) -> None:
    call = asked(bundle).hears(means(decision="reject", text=words))
    assert call.last_said == ["connect.accounts"]


@pytest.mark.parametrize("key", ["2", "0"])
def test_a_way_out_by_key(bundle: Bundle, key: str) -> None:
    call = asked(bundle).presses(key)
    assert call.waits().handed.queue == "accounts"
    assert "not_authorised:left" in call.handed.tried


def test_a_way_out_by_asking_for_a_human_and_by_a_plain_no(bundle: Bundle) -> None:
    for answer in (AGENT, NO):
        assert asked(bundle).hears(answer).waits().handed.queue == "accounts"


def test_the_star_leads_back_to_the_menu_and_the_nine_to_the_security_team(bundle: Bundle) -> None:
    assert asked(bundle).presses("*").last_said[0].startswith("menu")
    assert asked(bundle).presses("9").last_said == ["connect_security"]


def test_an_emergency_goes_first(bundle: Bundle) -> None:
    assert asked(bundle).hears(means("card_block")).waits().handed.queue == "card_emergency"


def test_meanwhile_questions_are_answered_and_the_words_said_again(bundle: Bundle) -> None:
    call = asked(bundle).hears(means(act="repeat", text="co proszę"))
    assert call.last_said == ["app_words", PAIR, "app_words_again", PAIR, "app_close"]
    assert call.hears(means(act="help", text="co mam zrobić")).last_said[0] == "app_help"
    assert call.hears(means(act="deny", text="nie widzę tam nigdzie takiego okienka")).last_said[0] == "app_help"
    assert call.hears(NONSENSE).last_said == ["app_waiting"]
    assert call.presses("7").last_said == ["app_waiting_out"]
    assert call.hears(means(act="wait")).last_said == ["app_waiting_out"]
    assert call.dialog.state.phase is Phase.AUTHORISING


def test_silence_is_met_with_patience_and_the_words_once_more(bundle: Bundle) -> None:
    call = asked(bundle).silent()
    assert call.last_said == ["app_waiting"]
    assert PAIR in call.silent().last_said
    assert call.silent().last_said == ["app_waiting_out"]


def test_a_further_matter_is_kept_and_another_one_instead_is_taken(bundle: Bundle) -> None:
    call = asked(bundle).hears(means("loan_service", text="i jeszcze o kredyt"))
    assert call.dialog.state.phase is Phase.AUTHORISING
    call.answer_in_app("confirms")
    assert call.waits().handed.second == "loan_service"
    changed = asked(bundle).hears(means("card_issue", act="deny", text="nie, jednak o nową kartę")).waits()
    assert changed.handed.queue == "cards"


def test_another_language_leaves_the_words_as_the_app_shows_them(bundle: Bundle) -> None:
    call = asked(bundle).hears(means(act="language", language="en", text="in english please"))
    says = [action for action in call.actions if isinstance(action, Say)][-5:]
    assert [(say.language, [prompt.id for prompt in say.prompts]) for say in says if PAIR in [p.id for p in say.prompts]] == [
        ("pl", [PAIR]),
        ("pl", [PAIR]),
    ]


def test_proof_that_comes_late_counts_until_the_hand_over(bundle: Bundle) -> None:
    call = asked(bundle).presses("2")
    call.answer_in_app("confirms")
    assert call.dialog.state.authentication is Authentication.APP
    assert "authorised" in call.waits().handed.tried


def test_an_answer_nobody_asked_for_changes_nothing(bundle: Bundle) -> None:
    call = Call(bundle, caller={"customer_ref": "C-1"}, app_proof=True)
    call._happen(AuthorisationAsked("zielony rower"))
    call._happen(AuthorisationResult(True))
    assert call.dialog.state.authentication is Authentication.NONE


def test_another_customer_takes_the_numbers_hints_away(bundle: Bundle) -> None:
    call = Call(bundle, segment=Segment.SELECT, caller={"customer_ref": "C-1"}, app="waits", app_proof=True)
    call.hears(means("personal_data"), YES)
    call.answer_in_app("other_customer")
    handed = call.waits().handed
    assert (handed.segment, handed.segment_by) == ("unknown", "unknown")
    assert "not_authorised:other_customer" in handed.tried
    assert "C-1" not in str(handed)


@pytest.mark.parametrize(
    "started",
    [
        {"app_proof": False},
        {"caller": {}},
        {"trust": NumberTrust.NONE},
    ],
)
def test_nobody_is_asked_who_cannot_be(bundle: Bundle, started: dict[str, Any]) -> None:
    """A stranger who shows a customer's number must not make their app ring."""
    given: dict[str, Any] = {"app_proof": True, "caller": {"customer_ref": "C-1"}} | started
    assert Call(bundle, **given).hears(means("personal_data")).last_said == ["connect.accounts"]


# ---------------------------------------------------------------- "is it you who is calling me?"


@pytest.mark.parametrize("advisor", ["calling", "lately", "none"])
def test_whoever_asks_and_proves_it_hears_whether_the_bank_is_calling(bundle: Bundle, advisor: str) -> None:
    call = Call(bundle, caller={"customer_ref": "C-1"}, app="waits", advisor=advisor, app_proof=True).hears(means("call_check"))
    assert "advisor_question" in call.said
    call.answer_in_app("confirms")
    assert call.last_said == [f"connect.call_check_{advisor}"]
    assert call.waits().handed.queue == "fraud"


@pytest.mark.parametrize("how", ["refused", "expired", "no_app", "unavailable", "other_customer"])
def test_without_proof_nothing_is_said_of_it(bundle: Bundle, how: str) -> None:
    call = Call(bundle, caller={"customer_ref": "C-1"}, app="waits", advisor="calling", app_proof=True).hears(means("call_check"))
    call.answer_in_app(how)
    assert call.last_said == ["connect.call_check"]
    assert call.waits().handed.queue == "fraud"


def test_whoever_has_proven_it_hears_it_at_once(bundle: Bundle) -> None:
    caller = {"customer_ref": "C-1", "authentication": Authentication.APP}
    call = Call(bundle, caller=caller, advisor="none", app_proof=True).hears(means("call_check"))
    assert call.last_said == ["connect.call_check_none"]
    assert "advisor_question" not in call.said


def test_an_unknown_caller_goes_straight_to_the_security_team(bundle: Bundle) -> None:
    assert Call(bundle).hears(means("call_check")).last_said == ["connect.call_check"]


def test_from_the_question_a_human_is_one_key_away(bundle: Bundle) -> None:
    call = Call(bundle, caller={"customer_ref": "C-1"}, app="waits", app_proof=True).hears(means("call_check")).presses("0")
    assert call.waits().handed.queue == "fraud"
