"""Sets switches for all processes at once, and keeps every order in SQL and in the audit trail.

Each process asks both stores: with either away the other suffices, and what one of them has lost it is told again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from enum import Enum

import structlog
from sqlalchemy import ColumnElement, Engine, and_, exists, func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from voicebot.errors import RecordsError
from voicebot.identity.audit_table import Note, add, note_of, one_writer
from voicebot.records import schema
from voicebot.redaction import redact_text
from voicebot.state.conditions import LiveConditionsStore, SwitchKind, SwitchSetting
from voicebot.switches.models import SwitchRow
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

AGREE_EVERY_S = 5.0


class Kept(Enum):
    """What became of an order."""

    WHOLLY = "wholly"
    """It holds, and is in the history."""
    HOLDS = "holds"
    """It holds, and will be in the history when the database is back, as long as the state server knows it."""
    NOWHERE = "nowhere"
    """Neither the state server nor the database has taken it yet: only this process goes by it."""


class SwitchBoard:
    """The state server tells within a second what is on; SQL holds who ordered it, and tells within five."""

    def __init__(self, engine: Engine, conditions: LiveConditionsStore) -> None:
        self._engine = engine
        self._conditions = conditions

    def holding(self, now: datetime) -> list[SwitchSetting]:
        """The switches that are on."""
        return self._conditions.snapshot.holding(now)

    def known(self, name: str) -> bool:
        """Whether a switch of this name was ever set."""
        return name in self._conditions.snapshot.switches

    async def order(self, setting: SwitchSetting) -> Kept:
        """Set or take back a switch: it holds at once, whichever of the two stores is away. What `why` has of a person, nobody
        keeps.
        """
        setting = replace(setting, why=redact_text(setting.why))
        self._conditions.set_switch(setting)
        try:
            await asyncio.to_thread(self._keep, [setting])
        except (SQLAlchemyError, RecordsError) as error:
            why = type(error).__name__
            log.error(
                "a switch is not in the history: the database does not answer", code=RecordsError.code, who=setting.who, why=why
            )
            return Kept.HOLDS if await self._conditions.has_arrived(setting) else Kept.NOWHERE
        return Kept.WHOLLY

    async def history(self, limit: int = 100) -> list[SwitchSetting]:
        """What was ordered, newest first. Raises what SQLAlchemy raises."""
        return await asyncio.to_thread(self._latest, limit)

    async def agree(self, now: datetime) -> int:
        """Let what holds be what was ordered last, by either store, and tell the one that does not know; how many switches were
        not known here as they are. Raises what SQLAlchemy raises, RecordsError.
        """
        known = self._conditions.snapshot.switches
        kept = {setting.name: setting for setting in await asyncio.to_thread(self._newest_of_each)}
        missed = [each for name, each in known.items() if name not in kept or each.when > kept[name].when]
        if missed:
            await asyncio.to_thread(self._keep, missed)
        found = [each for name, each in kept.items() if _is_news(each, self._conditions.snapshot.switches.get(name), now)]
        for setting in found:
            log.warning("a switch is set again as it was ordered: the state server did not know it", switch=setting.name)
            self._conditions.know(setting)
        return len(found)

    def _keep(self, settings: Iterable[SwitchSetting]) -> None:
        """Into history and audit trail, each once, whoever of several processes does it."""
        schema.ready(self._engine)
        with self._engine.connect() as connection, connection.begin():
            one_writer(connection)
            new = [each for each in settings if not connection.scalar(select(exists().where(_is(each))))]
            if new:
                connection.execute(insert(SwitchRow), [_row(each) for each in new])
                add(connection, [_note(each) for each in new])

    def _latest(self, limit: int) -> list[SwitchSetting]:
        schema.ready(self._engine)
        with Session(self._engine) as session:
            return [_setting(row) for row in session.scalars(select(SwitchRow).order_by(SwitchRow.seq.desc()).limit(limit))]

    def _newest_of_each(self) -> Sequence[SwitchSetting]:
        """Of two that were ordered at once, the later moment counts, as in the state server."""
        schema.ready(self._engine)
        moments = select(SwitchRow.kind, SwitchRow.queue, func.max(SwitchRow.at).label("at"))
        newest = moments.group_by(SwitchRow.kind, SwitchRow.queue).subquery()
        same = and_(SwitchRow.kind == newest.c.kind, SwitchRow.queue == newest.c.queue, SwitchRow.at == newest.c.at)
        with Session(self._engine) as session:
            rows = session.scalars(select(SwitchRow).join(newest, same).order_by(SwitchRow.seq))
            return [_setting(row) for row in rows]


@asynccontextmanager
async def agreeing(board: SwitchBoard, clock: Callable[[], datetime]) -> AsyncIterator[None]:
    """Both stores agree, now and again and again."""

    async def agree() -> None:
        while True:
            try:
                await board.agree(clock())
            except (SQLAlchemyError, RecordsError):  # it is away, which others tell: the state server suffices
                pass
            except Exception:  # whatever is stored: the next time may be better
                log.exception("switches cannot be read from the database", code=RecordsError.code)
            await asyncio.sleep(AGREE_EVERY_S)

    task = asyncio.create_task(agree(), name="switches")
    try:
        yield
    finally:
        await cancelled(task)


def _is_news(kept: SwitchSetting, known: SwitchSetting | None, now: datetime) -> bool:
    return kept.holds(now) if known is None else kept.when > known.when


def _is(setting: SwitchSetting) -> ColumnElement[bool]:
    return and_(
        SwitchRow.kind == setting.kind.value,
        SwitchRow.queue == setting.queue,
        SwitchRow.at == setting.when,
        SwitchRow.who == setting.who,
        SwitchRow.is_on == setting.on,
    )


def _note(setting: SwitchSetting) -> Note:
    """The same line whoever writes it."""
    told = f"{setting.name} {setting.when.isoformat()} {setting.on} {setting.who}"
    id = hashlib.sha256(told.encode()).hexdigest()[:32]
    what = "switch.set" if setting.on else "switch.taken_back"
    return note_of(what, setting.when, {"who": setting.who, "switch": setting.name, "why": setting.why}, id)


def _row(setting: SwitchSetting) -> dict[str, object]:
    return {
        "kind": setting.kind.value,
        "queue": setting.queue,
        "is_on": setting.on,
        "who": setting.who,
        "at": setting.when,
        "why": setting.why,
        "prompt": setting.prompt,
        "until": setting.until,
    }


def _setting(row: SwitchRow) -> SwitchSetting:
    return SwitchSetting(
        SwitchKind(row.kind), row.is_on, row.who, row.at, queue=row.queue, why=row.why, prompt=row.prompt, until=row.until
    )
