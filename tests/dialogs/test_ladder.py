"""The ladder of a question: each attempt different and shorter, then keys, then a human; and what callers do at any question."""

from __future__ import annotations

import pytest

from dialogs import Bundle
from dialogs.data.flow import Question
from dialogs.events import Expect, Listen, Say, Wait
from tests.dialogs.calls import AGENT, NO, NONSENSE, SATURDAY_NIGHT, YES, Call, means


def test_a_certain_matter_goes_through_without_a_question(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("insurance", text="ubezpieczenie domu", entities=(("product", "home"),))).waits()
    assert call.said == ["greeting", "ask_matter", "connect.insurance"]
    assert call.handed.words == "ubezpieczenie domu"
    assert call.handed.entities == (("product", "home"),)
    assert call.ended == "handed_over"


def test_the_attempts_of_every_question_differ_and_get_shorter(bundle: Bundle) -> None:
    for language in bundle.prompts.languages:
        prompts = bundle.prompts.files[language].prompts
        for name, step in bundle.flow.steps.items():
            if isinstance(step, Question):
                for wordings in (step.ask[1:], step.silent):  # the first is short: how may I help
                    texts = [prompts[prompt].text for prompt in wordings]
                    assert len(set(texts)) == len(texts), f"{name} in {language} repeats itself"
                    assert texts == sorted(texts, key=len, reverse=True), f"{name} in {language} gets longer"


def test_out_of_scope_is_asked_again_in_other_words_then_keys_then_a_human(bundle: Bundle) -> None:
    call = Call(bundle).hears(NONSENSE)
    assert call.last_said == ["ask_matter_again"]
    call.hears(NONSENSE)
    assert (call.last_said[0], call.last_said[-1]) == ("menu", "menu_closing.main")
    call.hears(NONSENSE)
    assert call.last_said[0] == "menu_again.main"
    call.hears(NONSENSE)
    assert call.waits().place == ("general", 0)
    assert call.handed.tried == ("no_match:matter", "no_match:matter", "no_match:menu", "no_match:menu")


def test_noise_is_no_match_and_silence_is_no_input(bundle: Bundle) -> None:
    call = Call(bundle)
    call.say("")
    assert call.last_said == ["ask_matter_again"]
    call = Call(bundle).silent()
    assert call.last_said == ["ask_matter_silence"]
    assert call.silent().last_said[0] == "menu"


def test_words_still_count_at_the_menu(bundle: Bundle) -> None:
    assert Call(bundle).silent(2).hears(means("mortgage")).waits().place == ("mortgage", 0)


def test_a_matter_not_certain_is_asked_about(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("transfer", "confirm"))
    say = [action for action in call.actions if isinstance(action, Say)][-1]
    assert (say.prompts[0].id, say.prompts[0].params) == ("confirm", (("matter", "matter.transfer"),))
    listen = [action for action in call.actions if isinstance(action, Listen)][-1]
    assert listen.expect is Expect.YES_NO
    assert call.hears(YES).waits().place == ("payments", 0)


@pytest.mark.parametrize(
    ("answer", "queue"),
    [
        (means("transfer"), "payments"),  # the same matter again, now plainly
        (means("transfer", "confirm"), "payments"),
        (means("mortgage", act="deny"), "mortgage"),  # "nie, kredyt"
        (means("mortgage"), "mortgage"),  # another matter, without a no
        (means("card_issue", act="affirm", ranking=(("card_issue", 0.6), ("transfer", 0.3))), "payments"),  # "tak, o to"
    ],
)
def test_what_answers_a_question_back(bundle: Bundle, answer: object, queue: str) -> None:
    assert Call(bundle).hears(means("transfer", "confirm"), answer).waits().handed.queue == queue  # type: ignore[arg-type]


def test_after_a_no_the_denied_matter_is_not_offered_again(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("transfer", "confirm"), NO)
    assert call.last_said == ["ask_matter_again"]
    call.hears(means("transfer", "confirm", confidence=0.5, ranking=(("transfer", 0.5), ("blik", 0.3))))
    assert call.dialog.state.candidate is not None
    assert call.dialog.state.candidate.intent == "blik"


def test_denied_and_then_said_plainly_is_asked_once_more_in_other_words(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("transfer", "confirm"), NO, means("transfer"))
    assert call.last_said == ["confirm_again"]


def test_three_wrong_guesses_end_at_the_menu(bundle: Bundle) -> None:
    call = Call(bundle)
    for intent in ("transfer", "blik", "fees"):
        call.hears(means(intent, "confirm"))
        if call.last_said[0] != "menu":
            call.hears(NO)
    assert call.last_said[0] == "menu"


CHOICE = means("cash_loan", "choose", choices=("cash_loan", "mortgage", "credit_card"), ranking=(("cash_loan", 0.4),))


@pytest.mark.parametrize(
    ("answer", "queue"),
    [
        ("1", "loans"),
        ("2", "mortgage"),
        ("3", "cards"),
        (means("mortgage"), "mortgage"),
        (means("mortgage", "confirm"), "mortgage"),  # it was on offer, so it is meant
        (means("savings"), "savings"),
        (means(decision="reject", text="drugie"), "mortgage"),
        (means(decision="reject", text="trzy"), "cards"),
    ],
)
def test_choosing_by_key_by_name_and_by_number(bundle: Bundle, answer: object, queue: str) -> None:
    call = Call(bundle).hears(CHOICE)
    assert call.last_said == ["choose.three"]
    if isinstance(answer, str):
        call.presses(answer)
    else:
        call.hears(answer)  # type: ignore[arg-type]
    assert call.waits().handed.queue == queue


@pytest.mark.parametrize("answer", ["4", means(decision="reject", text="żadne z nich"), NO])
def test_none_of_these_asks_again_and_remembers(bundle: Bundle, answer: object) -> None:
    call = Call(bundle).hears(CHOICE)
    call.presses(answer) if isinstance(answer, str) else call.hears(answer)  # type: ignore[arg-type]
    assert call.last_said == ["ask_matter_again"]


def test_repeat_says_the_same_again_and_then_the_shortest_words(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("transfer", "confirm"))
    assert call.last_said == ["confirm"]
    assert call.hears(means(act="repeat")).last_said == ["confirm"]
    assert call.presses("#").last_said == ["confirm_short"]


def test_what_is_repeated_is_the_question_not_the_greeting(bundle: Bundle) -> None:
    assert Call(bundle, recorded=True).hears(means(act="repeat")).last_said == ["ask_matter"]


def test_a_message_is_repeated_with_the_question_after_it(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("balance"), means(act="repeat"))
    assert call.last_said == ["message.balance", "after_message"]


def test_a_mere_guess_is_not_asked_about(bundle: Bundle) -> None:
    assert Call(bundle).hears(means("app_problem", "confirm", confidence=0.15)).last_said == ["ask_matter_again"]
    assert Call(bundle).hears(means("app_problem", "confirm", confidence=0.25)).last_said == ["confirm"]
    assert Call(bundle).hears(means("card_block", "confirm", confidence=0.15)).last_said == ["confirm_emergency.card_block"]


def test_a_pause_does_not_move_the_question_on(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("transfer", "confirm"), means(act="wait")).silent()
    assert call.last_said == ["back", "confirm"]
    assert call.hears(means(decision="reject", text="wolniej proszę")).last_said == ["slower", "confirm"]


def test_a_new_thing_to_ask_about_is_asked_in_full(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("transfer", "confirm"), means("blik", "confirm", act="deny"))
    assert call.last_said == ["confirm"]


def test_silence_after_a_message_is_a_goodbye_and_noise_is_a_human(bundle: Bundle) -> None:
    assert Call(bundle).hears(means("balance")).silent().silent().ended == "done"
    assert Call(bundle).hears(means("balance"), NONSENSE, NONSENSE).waits().place == ("accounts", 0)
    assert Call(bundle).hears(means("balance"), NONSENSE).silent(2).waits().place == ("accounts", 0)


@pytest.mark.parametrize(("confidence", "queue"), [(0.8, "mortgage"), (0.4, "general")])
def test_an_unconfirmed_matter_chooses_the_human_only_if_it_is_likely(bundle: Bundle, confidence: float, queue: str) -> None:
    unsure = means("mortgage", "confirm", confidence=confidence)
    assert Call(bundle).hears(unsure, AGENT).hears(AGENT).waits().handed.queue == queue
    assert Call(bundle).hears(unsure, NO, AGENT, AGENT).waits().handed.queue == "general", "denied"


def test_a_greeting_alone_is_greeted_with_the_question(bundle: Bundle) -> None:
    assert Call(bundle).hears(means(decision="reject", text="dzień dobry")).last_said == ["ask_matter"]
    assert Call(bundle).hears(means(decision="reject", text="dzień dobry pogoda")).last_said == ["ask_matter_again"]


def test_whoever_asks_is_told_that_a_machine_speaks(bundle: Bundle) -> None:
    for text in ("czy to automat", "halo czy ja rozmawiam z człowiekiem", "jesteś robotem"):
        assert Call(bundle).hears(means("agent", act="agent", text=text)).last_said == ["who", "ask_matter"]


def test_anger_that_asks_for_a_human_gets_one_and_haste_gets_a_question(bundle: Bundle) -> None:
    assert Call(bundle).hears(means("agent", act="agent", text="kurwa dajcie człowieka")).waits().place == ("general", 0)
    assert Call(bundle).hears(means(decision="reject", text="kurwa " + "no " * 20)).last_said == ["calm"]
    assert Call(bundle).hears(means("card_block", "confirm", confidence=0.1, text="nikt mi nie pomaga")).last_said == ["calm"]
    assert Call(bundle).hears(means(decision="reject", text="to pilne")).last_said == ["urgent"]
    assert Call(bundle).hears(means("card_block", text="pilne karta")).waits().place == ("card_emergency", 10)


def test_help_explains(bundle: Bundle) -> None:
    assert Call(bundle).hears(means(act="help")).last_said == ["help_matter"]
    assert Call(bundle).hears(means(act="help"), means(act="help")).last_said[0] == "menu", "the same help does not help twice"
    assert Call(bundle).hears(means("transfer", "confirm"), means(act="help")).last_said == ["help_yes_no"]


def test_a_moment_is_granted_twice_and_the_bot_comes_back(bundle: Bundle) -> None:
    call = Call(bundle).hears(means(act="wait"))
    assert call.last_said == ["wait"]
    assert [action for action in call.actions if isinstance(action, Wait)] == [Wait(20.0)]
    call.silent()
    assert call.last_said[0] == "back"
    call.hears(means(act="wait"))
    assert call.last_said == ["wait"]
    call.hears(means(act="wait"))
    assert call.last_said != ["wait"]


def test_during_the_moment_the_caller_may_simply_speak(bundle: Bundle) -> None:
    assert Call(bundle).hears(means(act="wait"), means("fees")).waits().place == ("accounts", 0)


def test_a_moment_during_the_announcement_holds_the_transfer(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("fees"), means(act="wait"))
    assert call.hand_off is None
    call.silent().waits()
    assert call.said[-2:] == ["back", "connect.accounts"]
    assert call.place == ("accounts", 0)


def test_goodbye_ends_the_call(bundle: Bundle) -> None:
    call = Call(bundle).hears(means(act="goodbye"))
    assert (call.last_said, call.ended, call.hand_off) == (["goodbye"], "goodbye", None)


def test_the_human_is_offered_to_hear_the_matter_first_and_comes_the_second_time(bundle: Bundle) -> None:
    call = Call(bundle).hears(AGENT)
    assert call.last_said == ["agent_offer"]
    assert call.hears(AGENT).waits().place == ("general", 0)
    assert call.handed.tried == ("asked_for_human", "asked_for_human")


@pytest.mark.parametrize("answer", ["silent", "nonsense"])
def test_whoever_does_not_take_the_offer_gets_the_human_too(bundle: Bundle, answer: str) -> None:
    call = Call(bundle).hears(AGENT)
    call.silent() if answer == "silent" else call.hears(NONSENSE)
    assert call.waits().place == ("general", 0)


def test_the_offer_leads_to_the_right_human_and_to_no_message(bundle: Bundle) -> None:
    assert Call(bundle).hears(AGENT, means("mortgage")).waits().place == ("mortgage", 0)
    call = Call(bundle).hears(AGENT, means("balance")).waits()
    assert call.place == ("accounts", 0)
    assert "message.balance" not in call.said


def test_a_human_for_a_matter_already_said_comes_at_once(bundle: Bundle) -> None:
    assert Call(bundle).hears(means("balance"), AGENT).waits().place == ("accounts", 0)
    assert Call(bundle).hears(means("transfer", "confirm"), AGENT).waits().place == ("payments", 0)
    assert Call(bundle).hears(NONSENSE, AGENT).waits().place == ("general", 0)


def test_swearing_is_met_with_a_calm_word_and_then_a_human(bundle: Bundle) -> None:
    swearing = means(decision="reject", text="kurwa mać")
    call = Call(bundle).hears(swearing)
    assert call.last_said == ["calm"]
    assert call.hears(swearing).waits().place == ("general", 0)
    assert "upset" in call.handed.tried


def test_swearing_with_a_matter_is_a_matter(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("app_problem", text="kurwa znowu nie działa aplikacja"))
    assert call.waits().place == ("ebanking", 0)


@pytest.mark.parametrize("decision", ["accept", "confirm"])
def test_a_swear_word_beside_a_matter_is_overheard(bundle: Bundle, decision: str) -> None:
    call = Call(bundle).hears(means("card_issue", decision, text="kurwa karta mi nie działa"))
    assert "calm" not in call.said


def test_an_accepted_emergency_is_no_guess_however_it_is_said(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("card_block", confidence=0.1, text="kurwa karta"))
    assert call.waits().place == ("card_emergency", 10)


@pytest.mark.parametrize(
    ("answer", "queue", "second"),
    [
        (means("complaint", act="deny"), "complaints", None),
        (means("complaint"), "complaints", "account_close"),
        (means("complaint", text="i jeszcze reklamacja"), "retention", "complaint"),
        (means("account_close"), "retention", None),
        (YES, "retention", None),
        (NONSENSE, "retention", None),
    ],
)
def test_what_is_said_into_the_announcement(bundle: Bundle, answer: object, queue: str, second: str | None) -> None:
    """A no takes the first matter back, another one is followed and the first is kept, a further one is kept
    for the agent, anything else lets the transfer go on.
    """
    call = Call(bundle).hears(means("account_close"), answer).waits()  # type: ignore[arg-type]
    assert (call.handed.queue, call.handed.second) == (queue, second)


def test_a_bare_no_into_the_announcement_asks_again(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("account_close"), NO)
    assert call.hand_off is None
    assert call.last_said == ["ask_matter_again"]
    assert call.hears(means("complaint")).waits().place == ("complaints", 0)


def test_nobody_is_asked_for_ever(bundle: Bundle) -> None:
    call = Call(bundle)
    for _ in range(60):
        if call.over:
            break
        call.hears(means("account_close"), NO)
    assert call.waits().handed.queue in bundle.queues


def test_a_call_that_goes_on_for_too_long_ends_with_someone_who_is_there(bundle: Bundle) -> None:
    call = Call(bundle, at=SATURDAY_NIGHT).hears(means("mortgage"))
    call.dialog.state.turns = bundle.flow.limits.turns
    call.hears(NONSENSE)
    assert (call.handed.queue, call.handed.reason) == ("general", "limit"), "not with the closed queue it spoke of last"


def test_two_matters_the_first_by_message_the_second_next(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("balance", second="mortgage")).waits()
    assert call.said[-3:] == ["message.balance", "second_now", "connect.mortgage"]
    assert (call.handed.intent, call.handed.second) == ("mortgage", None)


def test_two_matters_both_by_message(bundle: Bundle) -> None:
    call = Call(bundle).hears(means("balance", second="branch_atm"))
    assert call.last_said == ["message.balance", "second_now", "message.branch_atm", "after_message"]


def test_a_new_customer_is_first_offered_what_new_customers_ask(bundle: Bundle) -> None:
    choice = means(
        "fees", "choose", confidence=0.3, choices=("fees", "login_help"), ranking=(("fees", 0.3), ("login_help", 0.28))
    )
    assert Call(bundle).hears(choice).dialog.state.candidates == ("fees", "login_help")
    new = Call(bundle, caller={"tenure_years": 0.2}).hears(choice)
    assert new.dialog.state.candidates == ("login_help", "fees")
    certain = Call(bundle, caller={"tenure_years": 0.2}).hears(means("fees", ranking=(("fees", 0.9), ("login_help", 0.89))))
    assert certain.waits().handed.intent == "fees", "what is certain is not touched by a prior"
