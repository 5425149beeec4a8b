"""`make bench-console`: the console on a million calls, SQLite and PostgreSQL side by side.

The database is filled once and used again. Then every page is asked with many filters; the table is printed and, with --write,
put into docs/capacity.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench.console.asking import Ask, Known, Told, asks_of, forgotten, measure
from bench.console.beside import measure as beside
from bench.console.filling import Base, Multiplied, Plan, fill, hashed
from bench.console.keeping import keeping_table
from bench.console.keeping import measure as keeping
from bench.console.servers import postgresql, processor_s
from bench.console.settling import settle
from bench.load.tables import measured_on, table, write
from bench.traffic.__main__ import SECRET, make
from dialogs.data.bundle import load_bundle
from voicebot.accounts.roles import EVERYBODY
from voicebot.config.settings import Settings
from voicebot.console.app import build_console, page_routes
from voicebot.console.parts import ConsoleParts
from voicebot.console.service import open_console
from voicebot.logs import configure_logs
from voicebot.memory import keep_for_good
from voicebot.records.engine import open_engine
from voicebot.stores import record_store

FOLDER = Path("var/bench-console")
KINDS = ("sqlite", "postgresql")
PARTS = ("pages", "keeping", "beside")
SLOW_S = 0.05
_BASE_CALLS, _BASE_DAYS = 1500, 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill what is not there, and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.console", description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000, help="in the database (default: a million)")
    parser.add_argument("--days", type=int, default=50, help="that they are of")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"for the databases, 5 GB each (default: {FOLDER})")
    parser.add_argument("--databases", choices=KINDS, nargs="+", default=KINDS)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="what is measured")
    parser.add_argument("--times", type=int, default=40, help="how often each page is asked")
    parser.add_argument("--pages", default="", help="only those whose name has this in it")
    parser.add_argument("--at-once", type=int, default=40, help="calls that the console is beside")
    parser.add_argument("--seconds", type=float, default=20, help="how long they are held")
    parser.add_argument("--pairs", type=int, default=4, help="how often with and without the console")
    parser.add_argument("--write", action="store_true", help="put the table into docs/capacity.md")
    asked = parser.parse_args(arguments)
    configure_logs(level="error")
    found: dict[str, dict[str, Told]] = {}
    with ExitStack() as stack:
        opened = {kind: stack.enter_context(database(kind, asked.folder, asked.calls)) for kind in asked.databases}
        urls = {kind: url for kind, url in opened.items() if url is not None}
        plan = filled(list(urls.values()), asked.folder, asked.calls, asked.days)
        if "pages" in asked.only:
            for kind, url in urls.items():
                found[kind] = asyncio.run(pages(url, asked.folder, plan, asked.times, asked.pages))
            _tell("console", pages_table(found), asked)
        if "keeping" in asked.only:
            rows = []
            for kind, url in urls.items():
                for row in keeping(kind, url, asked.folder, plan):
                    print(" | ".join(row), file=sys.stderr, flush=True)  # it takes long: what was found stays when it is stopped
                    rows.append(row)
            _tell("keeping", keeping_table(rows), asked)
        if "beside" in asked.only:
            url = next(iter(urls.values()))
            found_beside, how = asyncio.run(
                beside(asked.folder, url, calls=asked.at_once, seconds=asked.seconds, pairs=asked.pairs)
            )
            _tell("beside", f"{how}\n\n{found_beside}", asked)
    return 0


def _tell(name: str, found: str, asked: argparse.Namespace) -> None:
    load = f"Load average {os.getloadavg()[0]:.1f} at the end."
    text = f"{measured_on()} {asked.calls:,} calls of {asked.days} days. {load}\n\n{found}"
    print(f"{name}\n{text}\n", flush=True)
    if asked.write:
        write(name, text)


@contextmanager
def database(kind: str, folder: Path, calls: int) -> Iterator[str | None]:
    """The URL of a database of this kind in the folder; None where there is no such server."""
    if kind == "sqlite":
        yield f"sqlite:///{folder.absolute()}/calls-{calls}.db"
        return
    with postgresql(folder / f"postgresql-{calls}") as url:
        yield url


def settings_of(url: str, folder: Path, state: str) -> Settings:
    """A console on loopback with these records."""
    return Settings.model_validate(
        {
            "state": {"data_dir": str(folder / state), "secret": SECRET},
            "console": {"port": 0},
            "records": {"keep_days": None, "database_url": url},
        }
    )


def filled(urls: Sequence[str], folder: Path, calls: int, days: int) -> Plan:
    """Fill the databases, unless they are."""
    base = folder / "base"
    settings = Settings.model_validate(
        {"state": {"data_dir": str(base), "secret": SECRET}, "console": {"port": 0}, "records": {"keep_days": None}}
    )
    make(settings, calls=_BASE_CALLS, days=_BASE_DAYS, seed=1)
    bundle, plan = load_bundle(), Plan.of_folder(folder, calls, days)
    hash_of = record_store(settings, SECRET, clock=lambda: datetime.now(UTC)).number_hash
    rows = Base.read(base / "calls.db")
    fill(urls, Multiplied(rows, plan, bundle, list(hashed(max(1000, calls // 3), hash_of))), rows.names, calls)
    for url in urls:
        engine = open_engine(url)
        settle(engine, url, bundle, plan.end)
        engine.dispose()
    return plan


@asynccontextmanager
async def console(url: str, folder: Path, plan: Plan) -> AsyncIterator[tuple[ConsoleParts, str, str]]:
    """The real console at the time of the newest call: its parts, somebody's cookie, and the token of their forms."""
    async with open_console(settings_of(url, folder, "state"), clock=lambda: plan.end) as service:
        parts = service.parts
        name = f"bench-{time.time_ns()}"
        user = await asyncio.to_thread(parts.users.add, name, EVERYBODY, made_by="bench")
        cookie = await asyncio.to_thread(parts.sessions.begin, user, "password")
        login = await asyncio.to_thread(parts.sessions.of, cookie)
        if login is None:
            raise SystemExit("nobody can log in")
        yield parts, cookie, login.form_token


async def pages(url: str, folder: Path, plan: Plan, times: int, only: str) -> dict[str, Told]:
    """What each page took."""
    words = Base.read(folder / "base" / "calls.db").words
    async with console(url, folder, plan) as (parts, cookie, token):
        known = await asyncio.to_thread(Known.of, parts.engine, plan.end)
        asks = asks_of(known, parts.bundle(), words, plan.end, token)
        for path in forgotten(asks, page_routes(parts)):
            if "{" in path:
                print(f"not measured: {path}", file=sys.stderr)
            else:
                asks.append(Ask(path, [path], path))
        chosen = [each for each in asks if only in each.name]
        keep_for_good()  # as the console does
        return await measure(
            build_console(parts),
            chosen,
            cookie,
            times=times,
            told=lambda name: print(f"… {name}", file=sys.stderr),
            server_s=lambda: processor_s(url),
        )


def pages_table(found: dict[str, dict[str, Told]]) -> str:
    """A row for each page; slow ones are marked."""
    names = list(dict.fromkeys(name for told in found.values() for name in told))
    rows = [[name, *(_cell(told.get(name)) for told in found.values())] for name in names]
    return table(("page", *(f"{kind}: p50, p95, most; processor (ms)" for kind in found)), rows)


def _cell(told: Told | None) -> str:
    if told is None or not told.seconds:
        return "–"
    p50, p95, most = (1000 * value for value in (told.at(0.5), told.at(0.95), max(told.seconds)))
    cpu = 1000 * sorted(told.cpu)[len(told.cpu) // 2]
    odd = "" if told.statuses == {200} else f" (status {', '.join(map(str, sorted(told.statuses)))})"
    text = f"{p50:.0f}, {p95:.0f}, {most:.0f}; {cpu:.0f}{odd}"
    return f"**{text}**" if told.at(0.95) > SLOW_S else text


if __name__ == "__main__":
    sys.exit(main())
