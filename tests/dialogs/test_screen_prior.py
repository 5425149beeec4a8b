"""The screen of the app from which a customer called tips the scale where their words leave it open, and nowhere else."""

from __future__ import annotations

import pytest

from caller_id.types import Caller
from dialogs.data.bundle import load_bundle
from dialogs.data.routes import ScreenPrior
from dialogs.engine.readings.priors import weigh
from dialogs.engine.state import CallState
from nlu.types import Decision, RankedIntent, Understanding

ROUTES = load_bundle().routes


def understood(decision: Decision, *ranking: tuple[str, float], choices: tuple[str, ...] = ()) -> Understanding:
    ranked = tuple(RankedIntent(intent, confidence) for intent, confidence in ranking)
    return Understanding(
        text="…", intent=ranked[0].intent, confidence=ranked[0].confidence, decision=decision, choices=choices, ranking=ranked
    )


def chosen(screen: str, meant: Understanding) -> tuple[str, ...]:
    state = CallState("call-1")
    state.caller = Caller(screen=screen)
    found = weigh(ROUTES, state, meant)
    assert found is not None
    return found.choices or (found.intent,)


OPEN = understood(Decision.CHOOSE, ("fees", 0.4), ("card_issue", 0.35), choices=("fees", "card_issue"))


@pytest.mark.parametrize(
    ("screen", "first"),
    [("", "fees"), ("cards", "card_issue"), ("cards/blocked", "card_issue"), ("cardsharing", "fees"), ("loans", "fees")],
)
def test_what_the_customer_was_looking_at_is_offered_first(screen: str, first: str) -> None:
    assert chosen(screen, OPEN)[0] == first


def test_a_clear_wish_stands_whatever_the_screen() -> None:
    assert chosen("cards", understood(Decision.ACCEPT, ("fees", 0.9), ("card_issue", 0.09))) == ("fees",)


def test_screens_are_the_beginnings_of_names() -> None:
    prior = ScreenPrior(screens=("cards",), favours=("card_issue",), times=2)
    assert [prior.covers(name) for name in ("cards", "cards/x", "cards2", "")] == [True, True, False, False]
