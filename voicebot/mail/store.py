"""Messages in SQL. Blocks: for a thread. Methods raise what SQLAlchemy raises."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import Engine, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from voicebot.mail.message import Message
from voicebot.mail.models import MessageRow
from voicebot.records import schema
from voicebot.records.among import among
from voicebot.records.database_time import DatabaseTime

_AT_ONCE = 200
_LISTS = ("others", "missing", "attachments")


class Messages:
    """All messages."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._time = DatabaseTime(engine)

    def add(self, message: Message) -> bool:
        """Keep a new one; False when there is one of this id already."""
        schema.ready(self._engine)
        values = asdict(message) | {name: list(getattr(message, name)) for name in _LISTS}
        try:
            with Session(self._engine) as session, session.begin():
                session.add(MessageRow(**values))
        except IntegrityError:
            return False
        return True

    def of(self, message_id: str) -> Message | None:
        """The one of this id."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            row = session.get(MessageRow, message_id)
            return _message(row) if row is not None else None

    def handed_over(self, ref: str) -> None:
        """Its hand-off is where others find it."""
        with self._engine.begin() as connection:
            connection.execute(update(MessageRow).where(MessageRow.ref == ref).values(handed=True))

    def to_hand_over(self, *, most: int = _AT_ONCE) -> list[Message]:
        """Those that are not handed over, oldest first."""
        schema.ready(self._engine)
        chosen = select(MessageRow).where(MessageRow.handed.is_(False)).order_by(MessageRow.received_at).limit(most)
        with Session(self._engine) as session:
            return [_message(row) for row in session.scalars(chosen)]

    def of_person(self, hashes: Collection[str]) -> list[Message]:
        """Those whose sender, or whose number, has one of these hashes; oldest first."""
        schema.ready(self._engine)
        wanted = list(hashes)
        chosen = select(MessageRow).where(or_(MessageRow.number_hash.in_(wanted), MessageRow.sender_hash.in_(wanted)))
        with Session(self._engine) as session:
            return [_message(row) for row in session.scalars(chosen.order_by(MessageRow.received_at))]

    def forget(self, before: datetime) -> int:
        """Delete those that came before this and are handed over; how many."""
        schema.ready(self._engine)
        before = self._time.earlier(before)
        old = (MessageRow.received_at < before, MessageRow.handed.is_(True))
        with self._engine.begin() as connection:
            return connection.execute(delete(MessageRow).where(*old)).rowcount

    def erase(self, refs: Collection[str]) -> int:
        """Delete these; how many there were."""
        schema.ready(self._engine)
        with self._engine.begin() as connection:
            return connection.execute(delete(MessageRow).where(among(MessageRow.ref, refs))).rowcount


def _message(row: MessageRow) -> Message:
    values = {field.name: getattr(row, field.name) for field in fields(Message)}
    return Message(**values | {name: tuple(values[name]) for name in _LISTS})
