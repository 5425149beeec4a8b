"""The code that the caller's app shows, typed as keys: once right, and the talk goes on where it was."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from caller_id.types import Authentication, Caller, NumberTrust, Segment
from dialogs.data.bundle import DEFAULT_BUNDLE, Bundle, load_bundle
from dialogs.data.errors import BundleError
from dialogs.engine.state import Phase
from dialogs.events import CheckCode, CodeResult, CodeTyped, Listen, Say
from tests.dialogs.calls import MOBILE, NO, SATURDAY_NIGHT, YES, Call, means

WRONG, SPENT, AWAY = CodeResult(reason="code"), CodeResult(reason="tries"), CodeResult(reason="unavailable")


def right(customer: str = "C-1", **more: Any) -> CodeResult:
    told = {"segment": Segment.SELECT, "level": "app-pin", "screen": "cards", "authentication": Authentication.APP}
    return CodeResult(Caller(MOBILE, NumberTrust.TRUNK, customer_ref=customer, **(told | more)))


@pytest.fixture(scope="module")
def proving(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The default bundle, asking for proof before a matter."""
    folder = Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path_factory.mktemp("bundle") / "bundle"))
    routes = folder / "routes.yml"
    line = '    numbers: ["+48225550100"]\n'
    text = routes.read_text(encoding="utf-8")
    assert line in text
    routes.write_text(text.replace(line, f"{line}    app_confirmation: [personal_data]\n"), encoding="utf-8")
    return load_bundle(folder)


def opened(bundle: Bundle, **started: Any) -> Call:
    """A call whose greeting has been heard."""
    return Call(bundle, **started).waits()


def listens(call: Call) -> Listen:
    return [action for action in call.actions if isinstance(action, Listen)][-1]


def checks(call: Call) -> int:
    return sum(isinstance(action, CheckCode) for action in call.actions)


def test_the_opening_question_listens_to_a_code_only_where_there_are_codes(bundle: Bundle) -> None:
    assert listens(opened(bundle, code=True)).code_s == bundle.flow.patience.code
    assert listens(Call(bundle)).code_s == 0
    assert listens(opened(bundle, code=True, preferences=("slow",))).code_s > bundle.flow.patience.code


@pytest.mark.parametrize("understood", ["card_block", "fraud_report"])
def test_where_an_emergency_is_asked_about_every_key_counts_at_once(bundle: Bundle, understood: str) -> None:
    call = opened(bundle, code=True).hears(means(understood, "confirm", confidence=0.5))
    assert call.dialog.state.step == "emergency_confirm"
    assert listens(call).code_s == 0


def test_a_right_code_tells_who_calls_and_the_question_is_asked_again(bundle: Bundle) -> None:
    call = opened(bundle, code=True)
    call.type_code(right())
    assert call.last_said == ["code_accepted", "ask_matter"]
    state = call.dialog.state
    assert (state.authentication, state.segment, state.caller.screen) == (Authentication.APP, Segment.SELECT, "cards")
    handed = call.hears(means("mortgage")).waits().handed
    assert (handed.queue, handed.segment, handed.segment_by) == ("select", "select", "app")
    assert "code_accepted" in handed.tried
    assert ("confirmed", "app_code") in [(told.what, told.text) for told in handed.story]


def test_a_code_is_no_try_at_the_question(bundle: Bundle) -> None:
    call = opened(bundle, code=True)
    for result in (WRONG, WRONG, right()):
        call.type_code(result)
    assert call.silent().last_said == ["ask_matter_silence"]
    assert call.dialog.state.asked["matter"] == 2


def test_a_wrong_code_may_be_typed_again_until_it_may_not(bundle: Bundle) -> None:
    call = opened(bundle, code=True)
    call.type_code(WRONG)
    assert call.last_said == ["code_wrong"]
    assert listens(call).code_s > 0
    call.type_code(SPENT)
    assert call.last_said == ["code_spent", "ask_matter"]
    before = checks(call)
    call.type_code(right())
    assert checks(call) == before, "no more of them are checked"
    assert call.dialog.state.authentication is Authentication.NONE
    call.type_code(right())
    assert call.last_said[0] == "menu", "whoever types on all the same gets the menu, not a loop"
    assert call.hears(means("mortgage")).waits().handed.tried.count("code_refused:code") == 1


def test_what_cannot_be_a_code_is_not_checked_and_ends_at_the_menu(bundle: Bundle) -> None:
    call = opened(bundle, code=True)
    call.type_code(None)
    assert call.last_said[0] == "code_not_whole"
    call.type_code(None)
    assert call.last_said[:2] == ["code_not_whole", "menu"]
    assert checks(call) == 0


def test_while_codes_cannot_be_checked_that_is_said_and_the_call_goes_on(bundle: Bundle) -> None:
    call = opened(bundle, code=True)
    call.type_code(AWAY)
    assert call.last_said == ["code_unavailable", "ask_matter"]
    call.type_code(right())
    assert call.dialog.state.authentication is Authentication.APP, "a moment later it may work"


def test_typed_twice_out_of_impatience_it_is_checked_once(bundle: Bundle) -> None:
    call = opened(bundle, code=True)
    call.type_code(right())
    call.type_code(right())
    assert checks(call) == 1
    assert call.last_said == ["code_accepted", "ask_matter"]


def test_at_the_menu_and_when_speech_is_out_of_order(bundle: Bundle) -> None:
    call = opened(bundle, code=True, without=("recogniser",))
    call.type_code(right())
    assert call.last_said[:2] == ["code_accepted", "menu.deaf"]


def test_whoever_asked_for_a_moment_to_look_it_up_may_type_it_then(bundle: Bundle) -> None:
    call = opened(bundle, code=True).hears(means(act="wait"))
    assert call.dialog.state.phase is Phase.WAITING
    call.type_code(right())
    assert call.last_said == ["code_accepted", "ask_matter"]


def test_another_customer_than_the_number_suggests_is_found_out(bundle: Bundle) -> None:
    call = opened(bundle, code=True, caller={"customer_ref": "C-7"}, segment=Segment.PRIVATE_BANKING, last_queue="loans")
    call.type_code(right("C-1", segment=Segment.MASS))
    handed = call.hears(NO, means("mortgage")).waits().handed
    assert handed.segment != "private_banking"
    assert {"other_customer", "code_accepted"} <= set(handed.tried)
    assert "C-7" not in str(handed)


def test_who_has_not_said_a_word_is_spoken_to_as_in_their_app(bundle: Bundle) -> None:
    call = opened(bundle, code=True)
    call.type_code(right(language="en"))
    assert [action.language for action in call.actions if isinstance(action, Say)][-1] == "en"
    spoken = opened(bundle, code=True).hears(means(decision="reject", text="pogoda"))
    spoken.type_code(right(language="en"))
    assert [action.language for action in spoken.actions if isinstance(action, Say)][-1] == "pl"


def test_a_code_that_turns_out_right_while_a_transfer_is_announced_counts(bundle: Bundle) -> None:
    call = opened(bundle, code=True)
    call.dialog.handle(CodeTyped(), call._now)
    call.hears(means("mortgage"))
    call._happen(right())
    assert "code_accepted" not in call.last_said
    assert "code_accepted" in call.waits().handed.tried


def test_a_result_nobody_asked_for_changes_nothing(bundle: Bundle) -> None:
    call = opened(bundle, code=True)
    call._happen(right())
    assert call.dialog.state.authentication is Authentication.NONE
    silent = Call(bundle)
    silent._happen(CodeTyped())
    assert not checks(silent)


# ---------------------------------------------------------------- a matter that needs proof


def asked(bundle: Bundle, **started: Any) -> Call:
    return opened(bundle, code=True, **started).hears(means("personal_data"))


def test_whose_app_cannot_be_asked_is_asked_for_its_code(proving: Bundle) -> None:
    call = asked(proving)
    assert call.last_said == ["app_code"]
    call.type_code(right(segment=Segment.MASS))
    assert call.last_said == ["app_confirmed", "connect.accounts"]
    assert "code_accepted" in call.waits().handed.tried


@pytest.mark.parametrize("result", [SPENT, AWAY])
def test_without_a_code_to_be_had_the_call_is_put_through(proving: Bundle, result: CodeResult) -> None:
    call = asked(proving)
    call.type_code(WRONG)
    assert call.last_said == ["code_wrong.asked"]
    call.type_code(result)
    assert call.last_said[1:] == ["connect.accounts"]


@pytest.mark.parametrize(
    "words",
    [
        "bez kodu",
        "nie mam aplikacji",
        "ale ja tu nie widzę żadnego kodu",
        "a nic mi się tu nie pokazuje",
        "jakiego kodu, o co chodzi",
    ],
)
def test_a_way_out_by_words(proving: Bundle, words: str) -> None:
    assert asked(proving).hears(means(decision="reject", text=words)).last_said == ["connect.accounts"]


def test_a_way_out_by_key_by_a_no_and_by_silence(proving: Bundle) -> None:
    assert asked(proving).presses("2").last_said == ["connect.accounts"]
    assert asked(proving).hears(NO).last_said == ["connect.accounts"]
    assert asked(proving).silent().last_said == ["app_code_again"]
    assert asked(proving).silent(2).last_said == ["connect.accounts"]
    assert asked(proving).hears(YES).last_said == ["app_code_again"]
    assert asked(proving).presses("0").waits().handed.queue == "accounts"


def test_an_emergency_goes_first_all_the_same(proving: Bundle) -> None:
    assert asked(proving).hears(means("card_block")).waits().handed.queue == "card_emergency"


def test_nobody_is_asked_twice_nor_who_has_proven_it(proving: Bundle) -> None:
    call = asked(proving).presses("2").hears(means("personal_data", act="deny", text="nie, jednak o zmianę adresu"))
    assert call.said.count("app_code") == 1
    known = opened(proving, code=True)
    known.type_code(right(segment=Segment.MASS))
    assert known.hears(means("personal_data")).last_said == ["connect.accounts"]
    assert Call(proving).hears(means("personal_data")).last_said == ["connect.accounts"], "where there are no codes"


def test_an_app_that_cannot_be_reached_may_still_show_a_code(proving: Bundle) -> None:
    call = opened(proving, code=True, app_proof=True, caller={"customer_ref": "C-1"}, app="no_app")
    assert call.hears(means("personal_data"), YES).last_said == ["app_code"]
    without = Call(proving, app_proof=True, caller={"customer_ref": "C-1"}, app="no_app")
    assert without.hears(means("personal_data"), YES).last_said == ["app_not_asked", "connect.accounts"]


def test_typed_in_place_of_an_answer_it_is_taken(proving: Bundle) -> None:
    call = opened(proving, code=True, app_proof=True, caller={"customer_ref": "C-1"}).hears(means("personal_data"))
    assert call.last_said == ["app_offer"]
    call.type_code(right())
    assert call.last_said[0] == "app_confirmed"


def test_after_a_code_the_bank_tells_whether_it_is_calling(bundle: Bundle) -> None:
    call = opened(bundle, code=True, advisor="calling", at=SATURDAY_NIGHT)
    call.type_code(right())
    assert call.hears(means("call_check")).last_said == ["connect.call_check_calling"]


def test_no_code_is_typed_where_an_emergency_is_asked_about(tmp_path: Path) -> None:
    root = Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))
    text = (root / "flow.yml").read_text(encoding="utf-8")
    changed = text.replace("    cautious: true ", "    code: matter\n    cautious: true ", 1)
    (root / "flow.yml").write_text(changed, encoding="utf-8")
    with pytest.raises(BundleError, match="cautious question"):
        load_bundle(root)
