"""Sets switches for all processes at once, and keeps every order in SQL."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from voicebot.errors import RecordsError
from voicebot.records import schema
from voicebot.state.conditions import LiveConditionsStore, SwitchKind, SwitchSetting
from voicebot.switches.models import SwitchRow

log = structlog.get_logger(__name__)


class SwitchBoard:
    """The state server holds what is on; SQL holds who ordered it, and brings it back when the state server lost it."""

    def __init__(self, engine: Engine, conditions: LiveConditionsStore) -> None:
        self._engine = engine
        self._conditions = conditions

    def holding(self, now: datetime) -> list[SwitchSetting]:
        """The switches that are on."""
        return self._conditions.snapshot.holding(now)

    def known(self, name: str) -> bool:
        """Whether a switch of this name was ever set."""
        return name in self._conditions.snapshot.switches

    async def order(self, setting: SwitchSetting) -> bool:
        """Set or take back a switch: it holds at once. False when the database did not take it into the history."""
        self._conditions.set_switch(setting)
        try:
            await asyncio.to_thread(self._write, setting)
        except SQLAlchemyError as error:
            why = type(error).__name__
            log.error(
                "a switch is not in the history: the database does not answer", code=RecordsError.code, who=setting.who, why=why
            )
            return False
        return True

    async def history(self, limit: int = 100) -> list[SwitchSetting]:
        """What was ordered, newest first. Raises what SQLAlchemy raises."""
        return await asyncio.to_thread(self._latest, limit)

    async def restore(self, now: datetime) -> int:
        """Set what should hold and is not known to the state server, which lost it; how many. Raises what SQLAlchemy raises."""
        found = 0
        for setting in await asyncio.to_thread(self._newest_of_each):
            if setting.holds(now) and not self.known(setting.name):
                self._conditions.set_switch(setting)
                log.warning("a switch that the state server had lost is set again", switch=setting.name, who=setting.who)
                found += 1
        return found

    def _write(self, setting: SwitchSetting) -> None:
        row = {
            "kind": setting.kind.value,
            "queue": setting.queue,
            "is_on": setting.on,
            "who": setting.who,
            "at": setting.when,
            "why": setting.why,
            "prompt": setting.prompt,
            "until": setting.until,
        }
        schema.ready(self._engine)
        with self._engine.begin() as connection:
            connection.execute(insert(SwitchRow), row)

    def _latest(self, limit: int) -> list[SwitchSetting]:
        schema.ready(self._engine)
        with Session(self._engine) as session:
            return [_setting(row) for row in session.scalars(select(SwitchRow).order_by(SwitchRow.seq.desc()).limit(limit))]

    def _newest_of_each(self) -> list[SwitchSetting]:
        schema.ready(self._engine)
        newest = select(func.max(SwitchRow.seq)).group_by(SwitchRow.kind, SwitchRow.queue)
        with Session(self._engine) as session:
            return [_setting(row) for row in session.scalars(select(SwitchRow).where(SwitchRow.seq.in_(newest)))]


def _setting(row: SwitchRow) -> SwitchSetting:
    return SwitchSetting(
        SwitchKind(row.kind), row.is_on, row.who, row.at, queue=row.queue, why=row.why, prompt=row.prompt, until=row.until
    )
