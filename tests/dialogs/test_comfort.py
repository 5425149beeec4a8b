"""What makes a call easier or is owed to the caller: notices, recording, comfort, keys, survey, the app, broken stages."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from caller_id.types import Authentication
from dialogs import Bundle, load_bundle
from dialogs.data.bundle import DEFAULT_BUNDLE
from dialogs.events import Authorise, Failed, HungUp, Listen, Remember, Say, StopRecording
from tests.dialogs.calls import NO, SATURDAY_NIGHT, WEDNESDAY_NOON, YES, Call, means


def whys(call: Call, kind: str) -> list[str]:
    return [decision.why for decision in call.decisions(kind)]


# ---------------------------------------------------------------- notices


def test_that_a_bot_speaks_is_said_first_and_logged_when_heard(bundle: Bundle) -> None:
    call = Call(bundle)
    assert call.said[0] == "greeting"
    assert whys(call, "notice") == []
    assert whys(call.waits(), "notice") == ["greeting: heard"]


def test_recording_is_said_when_it_is_on_and_logged_when_heard(bundle: Bundle) -> None:
    call = Call(bundle, recorded=True).waits()
    assert call.said == ["greeting", "notice_recording", "ask_matter"]
    assert whys(call, "notice") == ["greeting: heard", "notice_recording: heard"]
    assert "notice_recording" not in Call(bundle).said


def test_a_notice_cut_off_is_said_again_shortly_before_the_transfer(bundle: Bundle) -> None:
    call = Call(bundle, recorded=True)
    call.interrupt(3.0)
    call.hears(means("fees"))
    assert call.last_said == ["notice_recording.short", "connect.accounts"]
    assert whys(call.waits(), "notice") == ["notice_recording: cut off after 3.0 s", "greeting: heard", "notice_recording: heard"]


def test_a_greeting_cut_off_at_once_is_made_up_for(bundle: Bundle) -> None:
    call = Call(bundle)
    call.interrupt(0.4)
    call.hears(means("transfer", "confirm"))
    assert call.last_said == ["greeting.short", "confirm"]


def test_no_notice_ever_stands_before_an_emergency(bundle: Bundle) -> None:
    call = Call(bundle, recorded=True)
    call.interrupt(0.4)
    assert call.hears(means("card_block")).last_said == ["connect.card_emergency"]


@pytest.mark.parametrize("text", ["bez nagrywania", "proszę nie nagrywać", "nie chcę być nagrywana"])
def test_recording_can_be_refused_at_any_time(bundle: Bundle, text: str) -> None:
    call = Call(bundle, recorded=True).hears(means(decision="reject", text=text))
    assert [action for action in call.actions if isinstance(action, StopRecording)] == [StopRecording()]
    assert call.last_said == ["recording_stopped", "ask_matter"]
    call.hears(means(decision="reject", text=text))
    assert len([action for action in call.actions if isinstance(action, StopRecording)]) == 1
    assert call.hears(means("fees")).waits().handed.queue == "accounts"


def test_a_matter_said_along_with_the_refusal_is_not_lost(bundle: Bundle) -> None:
    call = Call(bundle, recorded=True).hears(means("fees", text="bez nagrywania, chcę zapytać o opłaty")).waits()
    assert StopRecording() in call.actions
    assert call.handed.queue == "accounts"


def test_recording_refused_during_the_announcement_stops_before_the_transfer(bundle: Bundle) -> None:
    call = Call(bundle, recorded=True).hears(means("fees"), means(decision="reject", text="nie nagrywać")).waits()
    assert StopRecording() in call.actions
    assert call.handed.queue == "accounts"


# ---------------------------------------------------------------- accessibility


def test_slower_speech_and_longer_waits_from_then_on(bundle: Bundle) -> None:
    call = Call(bundle).hears(means(decision="reject", text="proszę wolniej"))
    assert [action for action in call.actions if isinstance(action, Remember)] == [Remember("slow")]
    last = call.exchanges[-1].actions
    assert [action.speed for action in last if isinstance(action, Say)] == [0.8]
    assert [action.no_input_s for action in last if isinstance(action, Listen)] == [10.2]


def test_what_is_remembered_holds_from_the_greeting_and_can_be_taken_back(bundle: Bundle) -> None:
    call = Call(bundle, preferences=("slow", "no such thing"))
    assert [action.speed for action in call.actions if isinstance(action, Say)] == [0.8]
    call.hears(means(decision="reject", text="mów normalnie"))
    assert Remember("slow", on=False) in call.actions
    assert [action.speed for action in call.actions if isinstance(action, Say)][-1] == 1.0


def test_keys_only_goes_from_menu_to_menu(bundle: Bundle) -> None:
    call = Call(bundle, preferences=("keys",))
    assert (call.said[0], call.said[1]) == ("greeting", "menu.deaf")
    assert call.presses("32").waits().handed.queue == "mortgage"


def test_everything_can_be_done_without_speaking(bundle: Bundle) -> None:
    call = Call(bundle, preferences=("keys",), number=None).waits().presses("21")
    assert call.last_said == ["message.balance", "after_message", "yes_no_keys"]
    assert call.presses("1").waits().place == ("accounts", 0)
    closed = Call(bundle, preferences=("keys",), at=SATURDAY_NIGHT).waits().presses("31")
    assert closed.last_said == ["closed", "closed_keys"], "the keys are named where a voice would do without"
    slower = Call(bundle).presses("83")
    assert Remember("slow") in slower.actions
    patient = Call(bundle).presses("84")
    assert Remember("patient") in patient.actions
    assert [action.no_input_s for action in patient.actions if isinstance(action, Listen)][-1] > 7


# ---------------------------------------------------------------- keys


def test_keys_typed_ahead_go_through_the_menus(bundle: Bundle) -> None:
    assert Call(bundle).presses("12").waits().handed.intent == "card_issue"


def test_star_leads_back_to_the_main_menu_and_hash_repeats_it(bundle: Bundle) -> None:
    call = Call(bundle).waits().presses("1*")
    assert (call.dialog.state.menu, call.last_said[0]) == ("main", "menu")
    assert call.presses("#").last_said[0] == "menu"


def test_a_key_without_a_meaning_is_no_match(bundle: Bundle) -> None:
    call = Call(bundle).waits().presses("5").presses("8")
    assert call.last_said[:2] == ["no_such_key", "menu_again"]


def test_whoever_comes_back_to_the_menu_begins_at_the_top(bundle: Bundle) -> None:
    call = (
        Call(bundle).waits().presses("1").hears(means("blik", "confirm"), NO, means(decision="reject"), means(decision="reject"))
    )
    assert (call.dialog.state.step, call.dialog.state.menu) == ("menu", "main")


def test_a_menu_says_every_option_with_its_key(bundle: Bundle) -> None:
    call = Call(bundle).presses("3")
    options = [dict(prompt.params) for prompt, _ in call.dialog.state.said if prompt.id == "menu_option"]
    assert options == [
        {"what": "menu_name.cash_loan", "key": "1"},
        {"what": "menu_name.mortgage", "key": "2"},
        {"what": "menu_name.loan_service", "key": "3"},
    ]


def test_yes_and_no_have_their_keys(bundle: Bundle) -> None:
    assert Call(bundle).hears(means("transfer", "confirm")).presses("1").waits().handed.queue == "payments"
    assert Call(bundle).hears(means("transfer", "confirm")).presses("2").last_said == ["ask_matter_again"]


# ---------------------------------------------------------------- degradation


@pytest.mark.parametrize("without", [("recogniser",), ("classifier",)])
def test_without_ears_the_call_begins_with_keys(bundle: Bundle, without: tuple[str, ...]) -> None:
    call = Call(bundle, without=without)
    assert call.said[:3] == ["greeting", "use_keys", "menu.deaf"]
    assert call.presses("51").waits().handed.queue == "savings"


@pytest.mark.parametrize("stage", ["recogniser", "classifier"])
def test_ears_failing_in_the_call_lead_to_keys_once(bundle: Bundle, stage: str) -> None:
    call = Call(bundle)
    call.fail(Failed(stage))
    assert call.last_said[:2] == ["use_keys", "menu.deaf"]
    spoken = len(call.said)
    call.fail(Failed("recogniser"))
    assert len(call.said) == spoken
    assert call.presses("32").waits().handed.queue == "mortgage"
    assert f"no_{stage}" in call.handed.tried


@pytest.mark.parametrize(
    ("text", "said"), [("nie", "ask_matter_again"), ("tak", "connect.payments"), ("konsultant", "connect.payments")]
)
def test_without_a_classifier_a_few_words_still_count(bundle: Bundle, text: str, said: str) -> None:
    call = Call(bundle).hears(means("transfer", "confirm"))
    call.say(text)
    assert said in call.last_said


def test_without_a_voice_a_human_at_once(bundle: Bundle) -> None:
    for call in (Call(bundle, without=("voice",)), Call(bundle)):
        if call.hand_off is None:
            call.fail(Failed("voice"))
        assert call.place == ("general", 0)
        assert not any(isinstance(action, Say) for action in call.exchanges[-2].actions)


def test_a_call_too_long_goes_to_a_human_after_a_word(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("transfer", "confirm"))
    call.fail(Failed("max_length"))
    assert call.last_said == ["too_long"]
    assert call.waits().place == ("general", 0)


def test_a_failure_that_is_none_of_the_callers_business_changes_nothing(bundle: Bundle) -> None:
    call = Call(bundle)
    before = len(call.said)
    call.fail(Failed("state", "state.away"))
    assert len(call.said) == before
    assert whys(call, "failed") == ["state state.away"]


def test_a_mistake_of_the_engine_puts_the_caller_through(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(bundle)
    monkeypatch.setattr("dialogs.engine.steps.reactions.react", lambda *_: 1 / 0)
    call.hears(means("fees"))
    assert call.place == ("general", 0)
    assert whys(call, "error") == ["ZeroDivisionError at step 'matter': division by zero"]
    assert call.ended == "handed_over"


def test_when_the_caller_hangs_up_there_is_only_a_last_word_for_the_record(bundle: Bundle) -> None:
    call = Call(bundle)
    call.hang_up()
    assert whys(call, "ended") == ["hung up by caller at matter"]
    assert call.dialog.handle(HungUp(), WEDNESDAY_NOON) == []


# ---------------------------------------------------------------- survey, app, chat, validity


@pytest.mark.parametrize(("answer", "kept"), [(YES, ["helped"]), ("1", ["helped"]), (NO, ["not_helped"]), ("2", ["not_helped"])])
def test_the_survey_is_one_question_by_word_or_key(bundle: Bundle, answer: object, kept: list[str]) -> None:
    call = Call(bundle, line="app").hears(means("balance"), NO)
    assert call.last_said == ["survey"]
    call.presses(answer) if isinstance(answer, str) else call.hears(answer)  # type: ignore[arg-type]
    assert whys(call, "survey") == kept
    assert call.ended == "done"


def test_the_switchboard_may_send_callers_to_the_survey_after_the_agent(bundle: Bundle) -> None:
    call = Call(bundle, line="survey")
    assert call.said == ["greeting", "survey"]
    assert whys(call.presses("2"), "survey") == ["not_helped"]
    assert call.ended == "done"


def test_silence_at_the_survey_is_a_goodbye(bundle: Bundle) -> None:
    call = Call(bundle, line="app").hears(means("balance"), NO).silent()
    assert (whys(call, "survey"), call.ended) == ([], "done")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(("app", "tried"), [("confirms", "authorised"), ("refused", "not_authorised:refused")])
def test_the_caller_may_confirm_in_the_app_before_the_transfer(copy: Path, app: str, tried: str) -> None:
    edit(
        copy / "routes.yml",
        '    numbers: ["+48225550100"]\n',
        '    numbers: ["+48225550100"]\n    app_confirmation: [personal_data]\n',
    )
    bundle = load_bundle(copy)
    known = {"customer_ref": "c1"}
    call = Call(bundle, caller=known, app=app, app_proof=True).hears(means("personal_data"))
    assert call.last_said == ["app_offer"]
    call.hears(YES).waits()
    assert [action for action in call.actions if isinstance(action, Authorise)] == [Authorise("personal_data")]
    assert call.handed.queue == "accounts"
    assert tried in call.handed.tried
    declined = Call(bundle, caller=known, app_proof=True).hears(means("personal_data"), NO).waits()
    assert declined.place == ("accounts", 0)
    already = Call(bundle, caller={**known, "authentication": Authentication.APP}, app_proof=True).hears(means("personal_data"))
    assert already.last_said == ["connect.accounts"]


def test_a_message_out_of_date_is_not_spoken_and_people_answer_instead(copy: Path) -> None:
    edit(
        copy / "prompts" / "pl.yml",
        "  message.balance:\n    kind: message\n",
        "  message.balance:\n    kind: message\n    valid_to: 2026-11-17\n",
    )
    bundle = load_bundle(copy)
    assert Call(bundle).hears(means("balance")).waits().place == ("accounts", 0)
    english = Call(bundle, language="en").hears(means("balance"))
    assert english.last_said == ["message.balance", "after_message"]


def test_a_message_not_approved_is_not_spoken(copy: Path) -> None:
    edit(
        copy / "prompts" / "pl.yml",
        "  message.balance:\n    kind: message\n",
        "  message.balance:\n    kind: message\n    approver: ''\n    history: []\n",
    )
    pl = (copy / "prompts" / "pl.yml").read_text(encoding="utf-8")
    start = pl.index('    history:\n      - {text: "Saldo można')
    (copy / "prompts" / "pl.yml").write_text(pl[:start] + pl[pl.index("  message.branch_atm:") :], encoding="utf-8")
    assert Call(load_bundle(copy)).hears(means("balance")).waits().place == ("accounts", 0)


def test_the_chat_is_the_same_conversation_in_other_words(bundle: Bundle) -> None:
    call = Call(bundle, line="chat", channel="chat").hears(means(act="help", text="pomoc"))
    prompt, language = call.dialog.state.said[-1]
    voice = bundle.text(prompt, language, WEDNESDAY_NOON).text
    chat = bundle.text(prompt, language, WEDNESDAY_NOON, "chat").text
    assert "powiedzieć" in voice
    assert "napisać" in chat
    assert call.hears(means("blik")).waits().handed.queue == "payments"


def test_the_state_can_be_read_on_a_screen(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("transfer", "confirm"))
    assert call.dialog.state.summary() == "confirm · listening · pl · intent=transfer"


def test_whoever_mourns_is_asked_as_such(bundle: Bundle) -> None:
    mourning = means("personal_data", "confirm", confidence=0.5, entities=(("situation", "bereavement"),), text="żona nie żyje")
    call = Call(bundle).hears(mourning)
    assert call.last_said == ["confirm.bereavement"]
    assert call.silent().last_said == ["confirm_silence.bereavement"]
    dying = means("card_issue", text="i'm dying to know about my card", entities=(("situation", "bereavement"),))
    assert "connect.bereavement" not in Call(bundle, language="en").hears(dying).said
