"""Pages of found calls, one behind the other: every call once, whatever the instants, the filters and the words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete, insert

from tests.voicebot.records.servers import database_url, engine, postgres
from voicebot.records import search
from voicebot.records.folding import folded
from voicebot.records.listing import CallFilter, listed
from voicebot.records.models import CallRow, UtteranceRow

__all__ = ["database_url", "engine", "postgres"]

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SAID = ("zgubiłem kartę", "gdzie moja karta", "przelew", "przelewów dwa, karty dwie")
CALLS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(("card_block", "transfer")),
        st.sampled_from(("pl", "en")),
        st.sampled_from(("+48…001", "+48…101")),
        st.sampled_from(SAID),
    ),
    max_size=25,
)
ASKED = st.builds(
    CallFilter,
    matter=st.sampled_from((None, "transfer")),
    language=st.sampled_from((None, "en")),
    digits=st.sampled_from((None, "001", "01")),
    since=st.sampled_from((None, NOON + timedelta(seconds=1))),
)
WORDS = st.sampled_from(("", "kart", "przel kar", "moj"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS, asked=ASKED, words=WORDS, size=st.integers(1, 7), most=st.integers(1, 9), few=st.sampled_from((0, 2000)))
def test_pages_give_every_call_once_and_newest_first(
    engine: Engine, calls: list[tuple[int, str, str, str, str]], asked: CallFilter, words: str, size: int, most: int, few: int
) -> None:
    """Also when many began at one instant, and when each page may look at a few calls only."""
    with engine.begin() as connection:
        for table in (UtteranceRow, CallRow):
            connection.execute(delete(table))
        for number, call in enumerate(calls):
            _write(connection, f"c{number:02}", *call)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "LOOKED_AT", most)
        patch.setattr(search, "_FEW", few)
        found, after = [], ""
        for _ in range(60):
            shown = search.page(engine, asked, words=words, after=after, size=size)
            found += [call.call_id for call in shown.calls]
            assert len(shown.calls) <= size
            after = shown.following
            if not after:
                break
    beginnings = folded(words).split()
    said = {f"c{number:02}": f" {folded(call[-1])}" for number, call in enumerate(calls)}
    wanted = [call.call_id for call in listed(engine, asked, page=3)]
    assert found == [each for each in wanted if all(f" {word}" in said[each] for word in beginnings)]


def _write(connection: Connection, call_id: str, second: int, matter: str, language: str, number: str, said: str) -> None:
    at = NOON + timedelta(seconds=second)
    call = {"call_id": call_id, "started": at, "ended": at, "outcome": "handed_over", "line": "main", "segment": "mass"}
    call |= {"language": language, "number": number, "intent": matter, "priority": 0, "response_ms": []}
    connection.execute(insert(CallRow), call | {"bundle_version": "", "model": ""})
    line = {"call_id": call_id, "position": 0, "text": said, "folded": folded(said), "language": language}
    line |= {"recogniser_confidence": 1.0, "backend": "local", "model": ""}
    connection.execute(insert(UtteranceRow), line)


def test_a_page_says_how_far_it_looked(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "LOOKED_AT", 3)
    with engine.begin() as connection:
        for number in range(5):
            _write(connection, f"c{number}", number, "transfer", "pl", "+48…001", "przelew")
    first = search.page(engine, CallFilter(language="en"))
    assert (first.calls, first.searched_to) == ([], NOON + timedelta(seconds=2))
    second = search.page(engine, CallFilter(language="en"), after=first.following)
    assert (second.calls, second.searched_to, second.following) == ([], None, "")
