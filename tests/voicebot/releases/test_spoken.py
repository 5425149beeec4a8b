"""How often a text was said lately."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from tests.voicebot.records.databases import summary
from tests.voicebot.records.servers import database_url, engine, postgres
from voicebot.records.database import Database
from voicebot.records.summary import CallRecord
from voicebot.releases.spoken import spoken_lately

__all__ = ["database_url", "engine", "postgres"]


def said(*prompts: tuple[str, str], language: str = "pl") -> dict[str, object]:
    told = [{"id": name, "params": [["matter", matter]] if matter else []} for name, matter in prompts]
    return {"t": 0.1, "what": "action", "type": "Say", "prompts": told, "language": language}


def test_a_text_counts_once_a_call_also_within_another_and_in_its_own_language(engine: Engine) -> None:
    database = Database(engine.url.render_as_string(hide_password=False))
    calls = [
        [said(("greeting", "")), said(("greeting", "")), said(("confirm", "matter.card_block"))],
        [said(("greeting", ""), language="en")],
        [],
    ]
    for number, lines in enumerate(calls):
        started = datetime(2026, 11, 23, 9, 0, tzinfo=UTC) + timedelta(minutes=number)
        database.write(CallRecord(summary(f"c{number}", started=started), lines))
    database.close()
    texts = [("greeting", "pl"), ("matter.card_block", "pl"), ("farewell", "pl")]
    found = spoken_lately(engine, texts)
    assert (found.calls, dict(found.said_in)) == (3, {("greeting", "pl"): 1, ("matter.card_block", "pl"): 1})
