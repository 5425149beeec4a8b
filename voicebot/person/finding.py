"""Looking for a caller in everything that is kept."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from caller_id.directory import Customer
from caller_id.phone_numbers import NumberKind, parse_number, shorten
from voicebot.cases.case import Case
from voicebot.errors import Refused
from voicebot.handoff.callbacks import Callback
from voicebot.handoff.record import HandOffRecord
from voicebot.handoff.undelivered import Delivery
from voicebot.mail.message import Message
from voicebot.person.stores import PersonStores, asked
from voicebot.records.engine import sqlite_file
from voicebot.records.one_number import FoundCalls
from voicebot.records.summary import CallRecord
from voicebot.state.caller_memory import Remembered

_ADDRESS = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,255}")


class PersonError(Refused):
    """A person cannot be looked for; the message says why, and what to write."""

    code = "person.failed"


@dataclass(frozen=True, slots=True)
class Found:
    """What is kept of a number."""

    number: str
    """E.164"""
    calls: FoundCalls
    handoffs: tuple[HandOffRecord, ...]
    """Messages that were taken are among them."""
    callbacks: tuple[Callback, ...]
    cases: tuple[Case, ...]
    labelled: int
    """Lines of the calls whose words stand in labels, or in the sample."""
    mails: tuple[Message, ...]
    """Messages in writing, by the number in them or told with them, or by the sender's address."""
    memory: Remembered | None
    """None when nothing is remembered."""
    undelivered: tuple[tuple[Path, Delivery], ...]
    """Webhook messages that wait, with their files."""
    customers: tuple[Customer, ...]

    @property
    def call_ids(self) -> set[str]:
        """Of every call that is named."""
        return _call_ids(self.calls, self.handoffs)

    @property
    def empty(self) -> bool:
        """Whether there is nothing that could be deleted."""
        return not any(count for place, count in self.counts() if place != DIRECTORY)

    def counts(self) -> list[tuple[str, int]]:
        """How much is in each place."""
        messages = sum(each.kind == "message" for each in self.handoffs)
        files = [path for call in self.calls.calls for path in call.files] + list(self.calls.other_files)
        recordings = sum(path.suffix == ".wav" for path in files)
        by_place = [sum(call.place.value == place for call in self.calls.calls) for place in ("database", "waiting", "rejected")]
        return [
            ("calls in the database", by_place[0]),
            ("calls waiting on disk", by_place[1]),
            ("calls put aside", by_place[2]),
            ("call files", len(files) - recordings),
            ("recordings", recordings),
            ("hand-offs", len(self.handoffs) - messages),
            ("messages taken", messages),
            ("callbacks promised", len(self.callbacks)),
            ("cases", len(self.cases)),
            ("labelled lines", self.labelled),
            ("shadow decisions", len(self.calls.shadow)),
            ("mails", len(self.mails)),
            ("caller memory", int(self.memory is not None)),
            ("webhook messages waiting", len(self.undelivered)),
            (DIRECTORY, len(self.customers)),
        ]


DIRECTORY = "customer directory"


def read_number(text: str) -> str:
    """The E.164 number that a person wrote in any usual form. Raises PersonError."""
    parsed = parse_number(text)
    if parsed.kind is not NumberKind.E164 or parsed.e164 is None:
        raise PersonError(
            "this is no telephone number. Write it like 600 100 200, +48600100200 or 0048 22 555 01 00.", "no_number"
        )
    return parsed.e164


def read_address(text: str) -> str:
    """An e-mail address as it is compared. Raises PersonError."""
    address = text.strip().lower()
    if not _ADDRESS.fullmatch(address):
        raise PersonError("this is no e-mail address. Write it like anna@example.org.", "no_address")
    return address


async def find(stores: PersonStores, number: str, address: str | None = None, *, whole: bool = True) -> Found:
    """Everything of an E.164 number, and messages from an e-mail address; not `whole`: what can be counted and deleted, without
    the journals of calls. Raises StateError, RecordsError, DirectoryError.
    """
    calls = await stores.records.find_by_number(number, whole=whole)
    handoffs = await stores.handoffs.of_number(number)
    callbacks = await stores.callbacks.of_number(number)
    known = await stores.memory.knows(number)
    ids = _call_ids(calls, handoffs)
    refs = {call.record.summary.handoff_ref for call in calls.calls}
    refs |= {each.ref for each in handoffs} | {each.ref for each in callbacks}
    mails = await asked(stores.messages.of_person, _hashes(stores, number, address))
    ids |= {each.call_id for each in mails}
    refs |= {each.ref for each in mails}
    known_refs = {each.ref for each in handoffs}
    handoffs += [
        record for each in mails if each.ref not in known_refs and (record := await stores.handoffs.get(each.ref)) is not None
    ]
    about = {text for text in (*ids, *refs, number) if text}
    return Found(
        number,
        calls,
        tuple(handoffs),
        tuple(callbacks),
        tuple(await asked(stores.cases.of_calls, ids)),
        await asked(stores.review.of_calls, ids),
        tuple(mails),
        await stores.memory.recall(number) if known else None,
        tuple(
            (path, each)
            for folder in stores.undelivered
            for path, each in folder.kept()
            if any(text in each.body for text in about)
        ),
        stores.customers.find(number) if stores.customers is not None else (),
    )


def _call_ids(calls: FoundCalls, handoffs: Collection[HandOffRecord]) -> set[str]:
    return {call.record.summary.call_id for call in calls.calls} | {each.call_id for each in handoffs}


def _hashes(stores: PersonStores, number: str, address: str | None) -> list[str]:
    found = (stores.records.number_hash(each) for each in (number, address) if each is not None)
    return [each for each in found if each is not None]


def notes(found: Found, stores: PersonStores) -> Iterator[str]:
    """What a person must know who relies on this."""
    settings = stores.settings
    yield from _calls_beside(found, stores)
    if found.labelled:
        yield "Of labelled lines the words are deleted and the label stays. What was taught of them stands in drafts and packs."
    if found.customers:
        yield "The customer directory is a copy of the bank's list: delete the customer there, then import the list again."
    if settings.handoff.webhook is not None:
        yield "What was told to handoff.webhook.url is in the bank's systems; it names calls and queues, no number."
    if sqlite_file(settings.database_url) is None:
        yield "The records are in PostgreSQL: what is deleted leaves its files with the next VACUUM of the tables."
    if settings.state.redis_url is not None:
        yield "Hand-offs and callbacks are in your Redis: its append-only file and dumps hold them until they are written anew."
    if settings.mail.enabled:
        yield "Mails themselves are in the bank's mail system: delete them there. Messages are found by number or by --email."
    yield "Logs are not kept by voicebot: search your log store for the ids of the calls. Numbers stand there shortened."
    yield "Backups made before now still hold this person, until you delete them. After a restore, delete the person again."


def _calls_beside(found: Found, stores: PersonStores) -> Iterator[str]:
    """Calls that are, or may be, this person's and are not among those found."""
    records = stores.settings.records
    if found.calls.under_way:
        yield f"{found.calls.under_way} calls of this number are not over: run this again when they are."
    if found.calls.possible:
        yield (
            f"{found.calls.possible} calls are kept as {shorten(found.number)} only: whose they are cannot be told. "
            f"They are deleted by their age (records.keep_days)."
        )
    if not records.keep_numbers and records.keep_number_hash_days == 0:
        yield "Neither numbers nor their hashes are kept (records.keep_numbers, keep_number_hash_days): no call can be found."
    elif not records.keep_numbers and records.keep_number_hash_days is not None:
        yield f"Calls can be found for {records.keep_number_hash_days} days (records.keep_number_hash_days)."
    unvouched = sum(not _vouched(call.record) for call in found.calls.calls)
    if unvouched:
        yield f"In {unvouched} calls nobody vouched for the number: another may have shown it. Look before you give them out."
    known = {call.record.summary.call_id for call in found.calls.calls}
    known |= {each.call_id for each in found.mails}
    others = sorted({each.call_id for each in found.handoffs} - known)
    if others:
        yield f"Hand-offs name calls from another number, or from none (voicebot calls show ID): {', '.join(others)}"


def _vouched(record: CallRecord) -> bool:
    """Whether the network, or the app, vouched for the number (`Caller.vouched`); without its first line nobody knows."""
    for line in record.lines:
        if line.get("type") == "CallStarted" and isinstance(caller := line.get("caller"), dict):
            return caller.get("trust", "none") != "none" or caller.get("authentication") == "app"
    return False
