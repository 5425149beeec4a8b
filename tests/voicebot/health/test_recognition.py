"""Whether callers' words are recognised, as health and the live page tell it."""

from __future__ import annotations

from voicebot.health.recognition import RecognitionHealth


def health(now: list[float], loaded: tuple[str, ...] = ("pl", "en")) -> RecognitionHealth:
    return RecognitionHealth(("pl", "en"), loaded, clock=lambda: now[0])


def test_an_engine_that_could_not_be_loaded_is_told_with_its_language() -> None:
    trouble = health([0.0], loaded=("en",)).trouble
    assert trouble is not None
    assert "none could be loaded for pl" in trouble


def test_an_engine_that_fails_again_and_again_is_told_until_it_hears() -> None:
    looked = health([0.0])
    for result in ("failed", "late"):
        looked.note("pl", result)
    assert looked.trouble is None
    looked.note("pl", "failed")
    assert "failed in pl" in str(looked.trouble)
    looked.note("en", "ok")
    assert looked.trouble is not None
    looked.note("pl", "ok")
    assert looked.trouble is None


def test_an_engine_that_hears_no_word_is_told_until_it_hears_one() -> None:
    """It answers, in time, and nobody is understood. Coughs, and turns for which it was busy, neither count nor comfort."""
    looked = health([0.0])
    for result in ("wordless", "noise", "busy") * 9:
        looked.note("pl", result)
    assert looked.trouble is None
    looked.note("pl", "wordless")
    assert "no word was heard" in str(looked.trouble)
    looked.note("pl", "noise")
    assert looked.trouble is not None
    looked.note("pl", "ok")
    assert looked.trouble is None


def test_a_busy_engine_is_not_broken() -> None:
    """The load tells of that."""
    looked = health([0.0])
    for _ in range(9):
        looked.note("pl", "busy")
    assert looked.trouble is None


def test_an_old_failure_is_forgotten() -> None:
    now = [0.0]
    looked = health(now)
    for _ in range(3):
        looked.note("pl", "failed")
    now[0] = 299.0
    assert looked.trouble is not None
    now[0] = 301.0
    assert looked.trouble is None
