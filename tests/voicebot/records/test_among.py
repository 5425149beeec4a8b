"""Any number of texts in one condition, with real databases."""

from __future__ import annotations

from sqlalchemy import Engine, insert, select

from tests.voicebot.records.servers import database_url, engine, postgres
from voicebot.records.among import among
from voicebot.releases.models import BlobRow

__all__ = ["database_url", "engine", "postgres"]

ODD = ["a", "B", "", "it's", 'say "x"', "100%", "%(x)s", ":x", "zażółć", "\U0001f600", "a,b", "{a}", "NULL", "\\", "\n"]
OTHERS = ["b", "A", "null", "n", "1", "true"]


def test_odd_texts_are_found_as_they_are_and_no_others(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(BlobRow), [{"sha256": each, "data": b""} for each in [*ODD, *OTHERS]])
        chosen = select(BlobRow.sha256)
        assert sorted(connection.scalars(chosen.where(among(BlobRow.sha256, ODD)))) == sorted(ODD)
        assert sorted(connection.scalars(chosen.where(among(BlobRow.sha256, "wanted")), {"wanted": OTHERS})) == sorted(OTHERS)
        assert not connection.scalars(chosen.where(among(BlobRow.sha256, []))).all()
        assert sorted(connection.scalars(chosen.where(~among(BlobRow.sha256, ODD)))) == sorted(OTHERS)


def test_more_texts_than_a_statement_takes_values(engine: Engine) -> None:
    """SQLite takes some 250,000 and PostgreSQL 65,535: a switchboard's number may have more calls."""
    many = [f"{number:06}" for number in range(300_000)]
    with engine.begin() as connection:
        connection.execute(insert(BlobRow), [{"sha256": each, "data": b""} for each in ("299999", "300000")])
        assert connection.scalars(select(BlobRow.sha256).where(among(BlobRow.sha256, many))).all() == ["299999"]
