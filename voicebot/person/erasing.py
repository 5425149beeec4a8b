"""Deleting a caller from everything that is kept. Harmless when repeated: what could not be deleted is found the next time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from redis import Redis

from voicebot.files import erase
from voicebot.person.finding import DIRECTORY, Found
from voicebot.person.stores import PersonStores, asked
from voicebot.state.embedded import running_server
from voicebot.state.reach import write_anew


async def delete(stores: PersonStores, found: Found) -> list[tuple[str, int]]:
    """Delete what was found; how much of it was deleted in each place. The customer directory is left alone: it is a copy of the
    bank's list, and the next import would bring the customer back.

    Raises StateError, RecordsError, OSError when something could not be deleted: then repeat it.
    """
    # what leads to a call goes before the call: should this end in the middle, the rest can still be found
    webhooks = sum(erase(path) for path, _ in found.undelivered)
    for callback in found.callbacks:
        await stores.callbacks.done(callback)
    for handoff in found.handoffs:
        await stores.handoffs.forget(handoff.ref)
    memory = await stores.memory.forget(found.number)
    if stores.settings.state.redis_url is None:
        await asyncio.to_thread(_write_anew, stores.settings.state.data_dir / "state")
    cases = await asked(stores.cases.erase, [case.ref for case in found.cases])
    labelled = await asked(stores.review.forget_words, found.call_ids)
    mails = await asked(stores.messages.erase, [mail.ref for mail in found.mails])
    calls = await stores.records.erase_by_number(found.number)
    messages = sum(each.kind == "message" for each in found.handoffs)
    return [
        ("calls in the database", calls.database),
        ("calls waiting on disk", calls.waiting),
        ("calls put aside", calls.rejected),
        ("call files", calls.files),
        ("recordings", calls.recordings),
        ("hand-offs", len(found.handoffs) - messages),
        ("messages taken", messages),
        ("callbacks promised", len(found.callbacks)),
        ("cases", cases),
        ("labelled lines", labelled),
        ("shadow decisions", calls.shadow),
        ("mails", mails),
        ("caller memory", int(memory)),
        ("webhook messages waiting", webhooks),
        (DIRECTORY, 0),
    ]


def _write_anew(folder: Path) -> None:
    url = running_server(folder)
    if url is not None:
        server = Redis.from_url(url)
        try:
            write_anew(server)
        finally:
            server.close()
