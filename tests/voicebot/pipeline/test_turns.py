"""Turn taking: when speech starts, pauses, goes on and ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.events import Expect
from nlu.languages import languages
from nlu.languages.language import Language, Slot
from voicebot.pipeline.turns import WINDOW_S, Signal, TurnHint, TurnSettings, TurnTracker, is_backchannel, turn_hint

SPEECH, QUIET = 0.9, 0.05


def signals(
    probabilities: list[float], *, expect: Expect = Expect.OPEN, patience: TurnHint = TurnHint.NEUTRAL
) -> list[tuple[int, Signal]]:
    tracker = TurnTracker(TurnSettings())
    found = [(i, tracker.window(p, expect, patience)) for i, p in enumerate(probabilities)]
    return [(i, signal) for i, signal in found if signal is not None]


def windows(seconds: float) -> int:
    return round(seconds / WINDOW_S)


def test_a_click_is_not_speech() -> None:
    assert signals([QUIET, SPEECH, QUIET, QUIET]) == []


def test_two_windows_of_speech_are_speech() -> None:
    assert signals([SPEECH, SPEECH]) == [(1, Signal.STARTED)]


def test_a_short_breath_pauses_and_resumes_without_ending_the_turn() -> None:
    kinds = [s for _, s in signals([SPEECH] * 10 + [QUIET] * windows(0.3) + [SPEECH] * 10)]
    assert kinds == [Signal.STARTED, Signal.PAUSED, Signal.RESUMED]


def test_a_click_in_a_pause_is_not_speech_that_goes_on() -> None:
    """What was decoded at the pause is still all that was said; but the silence begins anew."""
    found = signals([SPEECH] * 10 + [QUIET] * 10 + [SPEECH] + [QUIET] * 100)
    assert [signal for _, signal in found] == [Signal.STARTED, Signal.PAUSED, Signal.ENDED]
    assert (found[-1][0] - 20) * WINDOW_S == pytest.approx(0.75, abs=WINDOW_S)


def test_the_pauses_of_a_caller_teach_how_long_they_breathe() -> None:
    """Of a row of like pauses only the first is taken for the end; one that is longer is again."""
    clause = [SPEECH] * 10 + [QUIET] * windows(0.2)
    kinds = [signal for _, signal in signals(clause * 4 + [QUIET] * windows(0.1) + [SPEECH] * 3)]
    assert kinds == [Signal.STARTED, Signal.PAUSED, Signal.RESUMED, Signal.PAUSED, Signal.RESUMED]


@pytest.mark.parametrize("expect", Expect)
@pytest.mark.parametrize("patience", TurnHint)
def test_what_was_said_is_decoded_before_the_turn_ends(expect: Expect, patience: TurnHint) -> None:
    """And of digits that come in groups, with half a second between them, not each group."""
    settings = TurnSettings()
    assert settings.decode_silence_s(expect, 5.0) < settings.end_silence_s(expect, patience)
    groups = [signal for _, signal in signals(([SPEECH] * 20 + [QUIET] * windows(0.5)) * 3, expect=Expect.DIGITS)]
    assert groups == [Signal.STARTED]


@pytest.mark.parametrize(
    ("expect", "patience", "silence_s"),
    [
        (Expect.OPEN, TurnHint.NEUTRAL, 0.75),
        (Expect.OPEN, TurnHint.DECIDED, 0.40),
        (Expect.OPEN, TurnHint.HESITANT, 1.5),
        (Expect.OPEN, TurnHint.MID_NUMBER, 1.3),
        (Expect.YES_NO, TurnHint.NEUTRAL, 0.45),
        (Expect.DIGITS, TurnHint.NEUTRAL, 1.3),
    ],
)
def test_the_silence_that_ends_a_turn_adapts(expect: Expect, patience: TurnHint, silence_s: float) -> None:
    spoken = 10
    found = signals([SPEECH] * spoken + [QUIET] * 100, expect=expect, patience=patience)
    ended = next(i for i, signal in found if signal is Signal.ENDED)
    assert (ended - spoken + 1) * WINDOW_S == pytest.approx(silence_s, abs=WINDOW_S)


def test_a_turn_that_never_stops_is_ended() -> None:
    found = signals([SPEECH] * windows(21))
    assert Signal.ENDED in [signal for _, signal in found]


@given(st.lists(st.floats(0, 1), max_size=400))
def test_signals_always_alternate_properly(probabilities: list[float]) -> None:
    """Whatever the probabilities: a turn starts before it pauses, pauses before it resumes, and ends once."""
    allowed = {
        None: {Signal.STARTED},
        Signal.STARTED: {Signal.PAUSED, Signal.ENDED},
        Signal.PAUSED: {Signal.RESUMED, Signal.ENDED},
        Signal.RESUMED: {Signal.PAUSED, Signal.ENDED},
        Signal.ENDED: {Signal.STARTED},
    }
    before: Signal | None = None
    for _, signal in signals(probabilities):
        assert signal in allowed[before]
        before = signal


@pytest.mark.parametrize(
    ("text", "decided", "expected"),
    [
        ("zgubiłam kartę", True, TurnHint.DECIDED),
        ("zgubiłam kartę", False, TurnHint.NEUTRAL),
        ("chciałabym żeby", False, TurnHint.HESITANT),
        ("chciałam zapytać o...", True, TurnHint.HESITANT),
        ("mój numer to sześćset dwa", True, TurnHint.MID_NUMBER),
        ("przelew na tysiąc", False, TurnHint.MID_NUMBER),
        ("przelew na półtora", True, TurnHint.MID_NUMBER),
        ("czterdzieści osiem sześćset i", True, TurnHint.MID_NUMBER),
        ("sześćset yyy", True, TurnHint.MID_NUMBER),
        ("my number is five double", True, TurnHint.MID_NUMBER),
        ("seven dash", False, TurnHint.MID_NUMBER),
        ("one hundred and", True, TurnHint.MID_NUMBER),
        ("I lost my card and", False, TurnHint.HESITANT),
        ("i", False, TurnHint.HESITANT),
        ("no to", False, TurnHint.HESITANT),
        ("karta piąta", True, TurnHint.DECIDED),
        ("I'd like to", False, TurnHint.HESITANT),
        ("it's about my", False, TurnHint.HESITANT),
        ("no", False, TurnHint.NEUTRAL),
        ("lista", False, TurnHint.NEUTRAL),
        ("nie mam karty", False, TurnHint.NEUTRAL),
        ("", False, TurnHint.NEUTRAL),
    ],
)
def test_patience_follows_the_last_word(text: str, decided: bool, expected: TurnHint) -> None:
    assert turn_hint(text, decided) is expected


@pytest.mark.parametrize("language", languages().values(), ids=lambda language: language.code)
def test_nobody_is_cut_off_inside_a_number(language: Language) -> None:
    """Whatever word of the language it is, and whatever the words before it have decided."""
    begin = [
        word for word, entry in language.number_words.items() if entry.alone and not entry.ordinal and entry.slot is not Slot.JOIN
    ]
    for word in {*begin, *language.secrets.repeats} - language.turns.not_dictated:
        assert turn_hint(f"karta {word}", True) is TurnHint.MID_NUMBER, word


@pytest.mark.parametrize(
    ("text", "expect", "expected"),
    [
        ("mhm", Expect.OPEN, True),
        ("no tak", Expect.OPEN, True),
        ("Aha, aha.", Expect.OPEN, True),
        ("no tak", Expect.YES_NO, False),
        ("mhm", Expect.YES_NO, True),
        ("tak", Expect.OPEN, False),
        ("karta", Expect.OPEN, False),
        ("no tak bo ja zgubiłam kartę", Expect.OPEN, False),
    ],
)
def test_signs_of_attention_are_no_answers(text: str, expect: Expect, expected: bool) -> None:
    assert is_backchannel(text, expect) is expected
