"""What Whisper makes up is taken out; what callers really repeat stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.recognisers.cleaning import is_hallucination, loops, unlooped


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Tak tak tak tak tak tak", "Tak"),
        ("5 5 5 5 5 5 5 5", "5"),
        ("Seven of clubs. Seven of clubs.", "Seven of clubs."),
        ("Had he married her, he would. Had he married her, he", "Had he married her, he would."),
        ("no tak no tak no tak", "no tak"),
        ("Chcę zablokować kartę. Chcę zablokować kartę. Chcę zablokować", "Chcę zablokować kartę."),
        ("[muzyka] Dzień dobry ♪", "Dzień dobry"),
        ("", ""),
    ],
)
def test_loops_are_said_once(written: str, said: str) -> None:
    assert unlooped(written) == said


@pytest.mark.parametrize(
    "said",
    [
        "nie, nie, nie",
        "no no",
        "tak, tak, dokładnie tak",
        "dwa dwa trzy trzy",
        "nie wiem, nie wiem",
        "saldo, to znaczy nie saldo, tylko historia",
    ],
)
def test_what_people_repeat_stays(said: str) -> None:
    assert unlooped(said) == said
    assert not loops(said)


@given(st.lists(st.sampled_from(["tak", "nie", "karta", "moja", "pięć"]), max_size=30))
def test_cleaning_twice_changes_no_more_than_a_loop_inside_a_loop(words: list[str]) -> None:
    once = unlooped(" ".join(words))
    assert len(once.split()) <= len(words)
    assert set(once.split()) == set(words)


@pytest.mark.parametrize(
    "text",
    [
        "Napisy stworzone przez społeczność Amara.org",
        "Dziękuję za uwagę.",
        "Dzięki za oglądanie!",
        "Thanks for watching!",
        "Thank you for watching.",
        "Please subscribe to my channel",
        "Subtitles by the Amara.org community",
        "Napisy: Jan Kowalski",
        "Tłumaczenie, napisy: Jan Kowalski",
        "Dziękuję bardzo za oglądanie tego filmu.",
        "Dziękuję za uwagę. Zapraszam do subskrypcji!",
        "Do zobaczenia w kolejnym odcinku, cześć!",
        "Nie zapomnijcie zasubskrybować kanału i zostawcie łapkę w górę.",
        "Subskrybuj!",
        "Thank you so much for watching this video and don't forget to like and subscribe.",
        "Thanks for watching. Bye bye!",
        "See you in the next video.",
        "Transcribed by https://otter.ai",
    ],
)
def test_subtitle_credits_are_recognised(text: str) -> None:
    assert is_hallucination(text)


@pytest.mark.parametrize(
    "text",
    [
        "Dziękuję",
        "Dziękuję bardzo",
        "Thank you",
        "Thanks, bye",
        "Chcę napisać reklamację",
        "Dziękuję, do widzenia",
        "",
        "Subskrybuję Netflixa i pobrało mi dwa razy z karty",
        "subskrybuj mi ten newsletter banku nie chcę go",
        "Subskrybuję, ale chcę zrezygnować",
        "Please subscribe me to text alerts",
        "I subscribe to a channel and they charged me twice",
        "Dziękuję za uwagę, ale chciałbym zgłosić reklamację",
        "Dziękuję za uwagę, zgubiłem kartę",
        "Thank you for watching over my account, I want to close it",
        "Thanks for watching out for fraud. Someone took my money.",
        "napisy na karcie się starły",
        "Napisy w aplikacji są za małe",
        "zapraszam na kolejny termin do oddziału, tak mi pani powiedziała",
        "Do zobaczenia w kolejnym tygodniu, mówił doradca",
        "see you next week at the branch",
    ],
)
def test_what_callers_say_is_no_credit(text: str) -> None:
    assert not is_hallucination(text)
