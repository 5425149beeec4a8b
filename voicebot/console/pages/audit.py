"""The audit trail as a page, with its chain checked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import Response

from voicebot.accounts.roles import Role
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View
from voicebot.identity.audit_table import AuditTable, Line

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """A line as it is shown."""

    position: int
    at: datetime
    what: str
    who: str
    facts: dict[str, Any]
    """The rest."""


def entries(lines: Sequence[Line]) -> list[Entry]:
    """Lines as they are shown, newest first."""
    found = []
    for line in reversed(lines):
        facts = json.loads(line.note.facts)
        who = str(facts.pop("who", ""))
        found.append(Entry(line.position, datetime.fromisoformat(line.note.at), line.note.what, who, facts))
    return found


def pages(parts: ConsoleParts) -> Pages:
    """The trail."""
    found = Pages()
    table = AuditTable(parts.settings.database_url)

    @found.get("/audit", roles=frozenset({Role.COMPLIANCE, Role.ADMIN}), nav="nav.audit", order=80)
    async def audit(view: View) -> Response:
        what, who = view.query.get("what", ""), view.query.get("who", "").strip().lower()
        lines = await asyncio.to_thread(table.latest, _AT_ONCE, what=what, fact=("who", who) if who else None)
        return view.show("audit.html", entries=entries(lines), what=what, who=who, most=_AT_ONCE)

    return found
