"""Turns counted from a journal."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voicebot.records.folding import folded
from voicebot.records.turns import AFTER, BEFORE, count_turns


def line(of: str, **more: Any) -> dict[str, Any]:
    return {"type": of, **more}


LISTEN = line("Listen")
SILENCE = line("Silence")


def heard(decision: str | None, act: str | None = None) -> dict[str, Any]:
    return line("Heard", final=True, understanding={"decision": decision, "act": act})


def decided(kind: str) -> dict[str, Any]:
    return line("Decided", kind=kind)


def test_a_call_that_goes_wrong_in_every_way() -> None:
    lines = [
        *(LISTEN, SILENCE, decided("reask")),
        *(LISTEN, heard("reject"), decided("reask")),
        *(LISTEN, heard("confirm"), decided("confirm")),
        *(LISTEN, heard(None, "no"), decided("denied"), decided("menu")),
        *(LISTEN, line("KeyPressed", key="0"), decided("human")),
    ]
    turns = count_turns(lines)
    assert (turns.turns, turns.no_input, turns.no_match, turns.reasks) == (5, 1, 1, 2)
    assert (turns.asked_human, turns.by_keys) == (BEFORE, True)
    assert (turns.first_decision, turns.last_decision) == ("reject", "confirm")


def test_a_human_after_the_matter_is_another_thing() -> None:
    assert count_turns([LISTEN, heard("accept"), decided("accept"), LISTEN, heard("reject", "agent"), decided("human")]) == (
        count_turns([LISTEN, heard("accept"), decided("emergency"), LISTEN, heard("reject", "agent"), decided("human")])
    )
    assert count_turns([LISTEN, heard("accept"), decided("accept"), decided("human")]).asked_human == AFTER


def test_words_into_an_announcement_are_no_turn() -> None:
    assert count_turns([line("Say"), heard("reject"), SILENCE]).turns == 0


@given(st.lists(st.sampled_from([LISTEN, SILENCE, heard("reject"), heard("accept"), decided("reask"), line("KeyPressed")])))
def test_nothing_is_counted_more_often_than_it_was_listened(lines: list[dict[str, Any]]) -> None:
    turns, listened = count_turns(lines), sum(each is LISTEN for each in lines)
    assert turns.no_match + turns.no_input <= turns.turns <= listened


def test_what_is_searched_has_no_diacritics() -> None:
    """SQLite's own folding leaves ł as it is."""
    assert folded("Zgubiłem KARTĘ, łódź-Ölßø!") == "zgubilem karte lodz olsso"
    assert folded(" … ") == ""
