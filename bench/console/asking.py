"""Every page of the console, asked again and again with other filters: seconds until the first octets of the answer are there.

The application is called as the server calls it (ASGI), so what is measured is what the server does for a page, without a
browser and without a network.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from sqlalchemy import Engine, func, select

from bench.console.filling import number_of
from dialogs.data.bundle import Bundle
from voicebot.cases.models import CaseRow
from voicebot.console.guard import COOKIE
from voicebot.console.routing import TOKEN_FIELD, PageRoute
from voicebot.records.models import CallRow
from voicebot.review.queues import Queue

App = Callable[..., Any]
HOST = "localhost"

LEFT_OUT = {
    "/": "leads to another page",
    "/calls/{call_id}/recording.wav": "a file, and no call was recorded",
    "/texts/{language}/{prompt}/recording": "a file, and no text was recorded",
    "/releases/{seq}": "no release was proposed",
    "/releases/{seq}/heard/{language}/{prompt}": "no release was proposed",
    "/desk/find": "out of the state server",
    "/desk/calls/{key:path}": "out of the state server",
    "/desk/chats/{ref}": "out of the state server",
}
"""Pages that are not asked, and why. All others are: one that is forgotten is told."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A kind of page."""

    name: str
    paths: Sequence[str]
    """Examples: one after another is asked."""
    route: str
    """Its route's path."""
    form: Mapping[str, str] | None = None
    """Of a page that is sent a form."""


@dataclass(slots=True)
class Told:
    """What the answers took."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Of this process, and of a database server for it."""
    octets: int = 0
    statuses: set[int] = field(default_factory=set)
    slowest: str = ""

    def at(self, share: float) -> float:
        """A quantile of the seconds: the smallest that this share of them does not pass."""
        ordered = sorted(self.seconds)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


async def ask(
    app: App, path: str, cookie: str, *, form: Mapping[str, str] | None = None, server_s: Callable[[], float] = lambda: 0.0
) -> tuple[int, float, float, int]:
    """Status, seconds, processor seconds, octets of the first piece of the answer that holds any; then it is left off. `server_s`
    tells the processor seconds of a database server so far.
    """
    where, _, query = path.partition("?")
    headers = [(b"host", HOST.encode()), (b"cookie", f"{COOKIE}={cookie}".encode()), (b"accept-language", b"en")]
    body = urlencode(form or {}).encode()
    if form is not None:
        headers += [(b"content-type", b"application/x-www-form-urlencoded"), (b"sec-fetch-site", b"same-origin")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET" if form is None else "POST",
        "scheme": "http",
        "path": where,
        "raw_path": where.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": (HOST, 80),
    }
    status, got, gone = 0, 0, asyncio.Event()
    server = server_s()
    began, cpu = time.perf_counter(), time.process_time()
    took: list[float] = []
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        nonlocal status, got
        if message["type"] == "http.response.start":
            status = message["status"]
        elif not took and (message.get("body") or not message.get("more_body")):
            got = len(message.get("body", b""))
            took.extend((time.perf_counter() - began, time.process_time() - cpu + server_s() - server))
            gone.set()
            if message.get("more_body"):
                raise ConnectionResetError("enough was read")

    with contextlib.suppress(ConnectionResetError, OSError):
        await app(scope, receive, send)
    return status, took[0], took[1], got


async def measure(
    app: App, asks: Sequence[Ask], cookie: str, *, times: int, told: Callable[[str], None], server_s: Callable[[], float]
) -> dict[str, Told]:
    """By the names of the pages."""
    found: dict[str, Told] = {}
    for each in asks:
        told(each.name)
        seen = found[each.name] = Told()
        for number in range(times + 1):
            path = each.paths[number % len(each.paths)]
            status, seconds, cpu, octets = await ask(app, path, cookie, form=each.form, server_s=server_s)
            seen.statuses.add(status)
            if number == 0:  # templates and connections are made at the first one; it is no page that people see often
                continue
            if not seen.seconds or seconds > max(seen.seconds):
                seen.slowest = path
            seen.seconds.append(seconds)
            seen.cpu.append(cpu)
            seen.octets = max(seen.octets, octets)
    return found


@dataclass(frozen=True, slots=True)
class Known:
    """What the database holds, to ask for."""

    calls: Sequence[tuple[str, datetime]]
    """Ids with their start, from all of the time."""
    whole: Sequence[str]
    """Calls of which the whole journal is there."""
    cases: Sequence[str]
    rows: int
    """Lines that were said, in SQLite."""

    @classmethod
    def of(cls, engine: Engine, oldest: datetime) -> Known:
        """Look."""
        with engine.connect() as connection:
            count = connection.scalar(select(func.count()).select_from(CallRow)) or 0
            chosen = select(CallRow.call_id, CallRow.started).order_by(CallRow.started.desc())
            calls = [connection.execute(chosen.offset(count * part // 20).limit(1)).one() for part in range(20)]
            whole = connection.scalars(select(CallRow.call_id).order_by(CallRow.started).limit(20)).all()
            cases = connection.scalars(select(CaseRow.ref).limit(20)).all()
            rows = 0
            if engine.dialect.name == "sqlite":
                rows = int(connection.exec_driver_sql("SELECT max(rowid) FROM utterances").scalar() or 0)
        return cls([(str(row.call_id), row.started) for row in calls], whole, cases, rows)


def asks_of(known: Known, bundle: Bundle, words: Sequence[str], now: datetime, token: str) -> list[Ask]:
    """All pages. `words` are those that callers say, most common first."""
    rng = Random("asked")
    today = bundle.calendar.local(now).date()
    matters, queues = sorted(bundle.routes.matters), list(bundle.queues)

    def calls(**query: str) -> str:
        return f"/calls?{urlencode(query)}"

    def days(back: int) -> str:
        return (today - timedelta(days=back)).isoformat()

    deep = [f"t{started.isoformat()}|{call_id}" for call_id, started in known.calls]
    rows = [f"r{known.rows * part // 20}" for part in range(1, 20)] if known.rows else deep
    common, rare = words[5:25], words[len(words) // 3 : len(words) // 3 + 20]
    some = list(zip(rng.choices(matters, k=20), rng.choices(queues, k=20), strict=True))
    digits = [f"{rng.randrange(1000):03}" for _ in range(20)]
    prompts = [(language, name) for language, file in bundle.prompts.files.items() for name in file.prompts]
    asked = [
        Ask("calls, first page", [calls()], "/calls"),
        Ask("calls, deep", [calls(after=after) for after in deep], "/calls"),
        Ask("calls of a matter", [calls(matter=matter) for matter in matters], "/calls"),
        Ask(
            "calls of a matter, deep",
            [calls(matter=matter, after=after) for (matter, _), after in zip(some, deep, strict=True)],
            "/calls",
        ),
        Ask("calls of a queue", [calls(queue=queue) for queue in queues], "/calls"),
        Ask("calls by outcome", [calls(outcome=each) for each in ("handed_over", "callback", "self_service", "lost")], "/calls"),
        Ask("calls by language", [calls(language=each) for each in ("pl", "en")], "/calls"),
        Ask("calls by segment", [calls(segment=each) for each in ("mass", "private_banking", "no_such")], "/calls"),
        Ask("chats among calls (there are none)", [calls(channel="chat")], "/calls"),
        Ask("calls by decision (none)", [calls(decision="accept")], "/calls"),
        Ask("calls by three digits", [calls(digits=each) for each in digits], "/calls"),
        Ask("calls by two digits", [calls(digits=each[:2]) for each in digits], "/calls"),
        Ask("calls by three filters", [calls(matter=matter, queue=queue, language="en") for matter, queue in some], "/calls"),
        Ask(
            "calls by filters and days",
            [calls(matter=matter, segment="sme", **{"from": days(20), "to": days(10)}) for matter, _ in some],
            "/calls",
        ),
        Ask("calls by a common word", [calls(words=word) for word in common], "/calls"),
        Ask("calls by a rare word", [calls(words=word) for word in rare], "/calls"),
        Ask("calls by two words", [calls(words=f"{one} {other}") for one, other in zip(common, rare, strict=True)], "/calls"),
        Ask("calls by a beginning", [calls(words=word[:2]) for word in common], "/calls"),
        Ask("calls by no such word", [calls(words="xyzzyq")], "/calls"),
        Ask(
            "calls by a word, deep", [calls(words=word, after=after) for word, after in zip(common, rows, strict=False)], "/calls"
        ),
        Ask(
            "calls by word and filters",
            [calls(words=word, matter=matter, language="en") for word, (matter, _) in zip(common, some, strict=True)],
            "/calls",
        ),
        Ask("calls by word and days", [calls(words=word, **{"from": days(20), "to": days(18)}) for word in common], "/calls"),
        Ask("one call", [f"/calls/{call_id}" for call_id in known.whole], "/calls/{call_id}"),
        Ask("a test of a call", [f"/calls/{call_id}/test.yml" for call_id in known.whole], "/calls/{call_id}/test.yml"),
        Ask("export CSV, first octets", ["/calls.csv"], "/calls.csv"),
        Ask(
            "export CSV by filters, first octets", [f"/calls.csv?matter={matter}&language=en" for matter in matters], "/calls.csv"
        ),
        Ask("export NDJSON, first octets", ["/calls.ndjson"], "/calls.ndjson"),
        Ask("live", ["/live"], "/live"),
        Ask("live, first event", ["/live/events"], "/live/events"),
        Ask("switches", ["/switches"], "/switches"),
        Ask("switches, what would change", ["/switches/preview"], "/switches/preview", {"kind": "surge", "why": "bench"}),
        Ask("review", ["/review"], "/review"),
        *(Ask(f"review, {queue}", [f"/review/{queue}", f"/review/{queue}?at=7"], "/review/{queue}") for queue in Queue),
        Ask("draft", ["/review/draft"], "/review/draft"),
        Ask("matters", ["/matters"], "/matters"),
        Ask("one matter", [f"/matters/{matter}" for matter in matters], "/matters/{name}"),
        Ask("texts", ["/texts"], "/texts"),
        Ask(
            "one text", [f"/texts/{language}/{name}" for language, name in rng.sample(prompts, 20)], "/texts/{language}/{prompt}"
        ),
        Ask("releases", ["/releases"], "/releases"),
        Ask("figures, 28 days", ["/figures"], "/figures"),
        Ask(
            "figures, narrowed",
            ["/figures?line=main", "/figures?language=en", "/figures?segment=sme", "/figures?release="],
            "/figures",
        ),
        Ask("figures, all days", [f"/figures?from={days(400)}"], "/figures"),
        Ask("figures, CSV", ["/figures.csv"], "/figures.csv"),
        Ask("times, 28 days", ["/figures/times"], "/figures/times"),
        Ask("decisions, 28 days", ["/figures/decisions"], "/figures/decisions"),
        Ask("decisions, all days", [f"/figures/decisions?from={days(400)}"], "/figures/decisions"),
        Ask("times, all days", [f"/figures/times?from={days(400)}"], "/figures/times"),
        Ask("desk", ["/desk"], "/desk"),
        Ask("desk, chats", ["/desk/chats.json"], "/desk/chats.json"),
        Ask("cases done", ["/desk/cases", *(f"/desk/cases?queue={queue}" for queue in queues)], "/desk/cases"),
        Ask("cases to do", ["/desk/cases?status=to_do"], "/desk/cases"),
        Ask("one case", [f"/desk/cases/{ref}" for ref in known.cases], "/desk/cases/{ref}"),
        Ask("audit", ["/audit"], "/audit"),
        Ask("audit of one person", ["/audit?who=person-7", "/audit?who=nobody"], "/audit"),
        Ask("audit of one kind", ["/audit?what=review", "/audit?what=nothing"], "/audit"),
        Ask("a person, form", ["/person"], "/person"),
        *(
            Ask(f"a person found, {which}", ["/person/find"], "/person/find", {"number": number, "reason": "bench"})
            for which, number in (
                ("who calls often", number_of(0)),
                ("who calls seldom", number_of(250)),
                ("nobody", "+48999999999"),
            )
        ),
        Ask("people", ["/people"], "/people"),
        Ask("tokens", ["/tokens"], "/tokens"),
        Ask("account", ["/me"], "/me"),
    ]
    return [Ask(each.name, each.paths, each.route, {**each.form, TOKEN_FIELD: token} if each.form else None) for each in asked]


def forgotten(asks: Sequence[Ask], routes: Sequence[PageRoute]) -> Iterator[str]:
    """Pages that are neither asked nor left out."""
    known = {each.route for each in asks} | {quote(path, safe="/{}:.") for path in LEFT_OUT}
    for route in routes:
        if route.method == "GET" and route.path not in known:
            yield route.path
