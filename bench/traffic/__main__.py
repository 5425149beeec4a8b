"""`make demo-console`: the console on a month of simulated traffic, so that a newcomer sees it full.

The callers are those of the conversation benchmark; the real engine and classifier hold every call. Rows are not invented.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from bench.talk.phrases import load_phrases
from bench.traffic.month import moments, traffic
from bench.traffic.queue import events_of
from dialogs.data.bundle import load_bundle
from voicebot.accounts.roles import EVERYBODY
from voicebot.cases.store import Cases
from voicebot.cases.sweep import CaseSweep
from voicebot.config.settings import Settings
from voicebot.console.parts import ConsoleParts
from voicebot.console.service import open_console
from voicebot.errors import HandOffError
from voicebot.files import write_whole
from voicebot.handoff.callbacks import callback_for
from voicebot.handoff.record import HandOffRecord, record_codec
from voicebot.logs import configure_logs
from voicebot.outcomes.store import Outcomes
from voicebot.records.database import Database
from voicebot.records.engine import open_engine
from voicebot.records.summary import CallRecord
from voicebot.stores import record_store
from voicebot.understanding.service import load_understander
from voicebot.understanding.settings import NluSettings

FOLDER = Path("var/demo-console")
_TOLD_EVERY = 50
_LATELY, _UNDONE = timedelta(days=1), timedelta(days=7)
"""Hand-offs of so long before the end of the month are kept: calls, and callbacks and messages that nobody has dealt with."""
SECRET = "of the demo only: nothing here is a person's"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the traffic if it is not there, then serve the console until stopped."""
    parser = argparse.ArgumentParser(prog="python -m bench.traffic", description=__doc__)
    parser.add_argument("--calls", type=int, default=1500, help="in the month (default: 1500, some two minutes)")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"for the records (default: {FOLDER})")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--only-make", action="store_true", help="do not serve")
    asked = parser.parse_args(arguments)
    configure_logs(level="error")
    settings = settings_of(asked.folder, asked.port)
    make(settings, calls=asked.calls, days=asked.days, seed=asked.seed)
    if not asked.only_make:
        asyncio.run(serve(settings))
    return 0


def settings_of(folder: Path, port: int) -> Settings:
    """A console on loopback with its own records."""
    return Settings.model_validate(
        {"state": {"data_dir": str(folder), "secret": SECRET}, "console": {"port": port}, "records": {"keep_days": None}}
    )


def make(settings: Settings, *, calls: int, days: int, seed: int) -> None:
    """Fill the records, unless they are."""
    database = Database(settings.database_url)
    there = database.count()
    if there >= calls or _handed_file(settings).exists():  # all were held, though some may have been deleted since
        print(f"{there} calls are there", file=sys.stderr)
        database.close()
        return
    bundle = load_bundle(settings.bundle)
    print("loading the classifier (the first time it is trained)", file=sys.stderr, flush=True)
    understander = load_understander(NluSettings(), ("pl", "en"))
    if understander is None:
        raise SystemExit("the classifier cannot be loaded")
    rng = Random(f"{seed} month")
    hashed = record_store(settings, SECRET, clock=lambda: datetime.now(UTC)).number_hash
    times = moments(bundle, end=datetime.now(UTC), days=days, count=calls, rng=rng)
    phrases = {language: load_phrases(language) for language in ("pl", "en")}
    outcomes, agents = Outcomes(open_engine(settings.database_url)), Random(f"{seed} agents")
    handed: list[HandOffRecord] = []
    for done, call in enumerate(traffic(phrases, bundle, understander, times=times, seed=seed), 1):
        record = call.record
        database.write(CallRecord(record.summary.with_short_number(), record.lines, hashed(record.summary.number)))
        outcomes.add(list(events_of(record.summary, call.held, bundle.routes, agents)), datetime.now(UTC))
        if call.handed is not None:
            since = times[-1] - (_LATELY if call.handed.kind == "transfer" else _UNDONE)
            handed += [call.handed] if call.handed.created > since else []
        if done % _TOLD_EVERY == 0:
            print(f"… {done} of {calls} calls held", file=sys.stderr, flush=True)
    database.close()
    write_whole(_handed_file(settings), "\n".join(map(record_codec.to_text, handed)))


def _handed_file(settings: Settings) -> Path:
    return settings.state.data_dir / "handed.ndjson"


async def hand_over(settings: Settings, parts: ConsoleParts) -> None:
    """What the calls' process and the web's would have kept of the last hours: hand-offs, callbacks to make, cases."""
    path = _handed_file(settings)
    for line in path.read_text().splitlines() if path.exists() else ():
        record = record_codec.from_text(line)
        if await parts.stores.records.call(record.call_id) is None:
            continue  # somebody tried the deletion of a person
        await parts.stores.handoffs.put(record)
        if record.kind == "callback":
            with contextlib.suppress(HandOffError):  # a number that must not be called
                await parts.callbacks.promise(callback_for(record))
    cases = Cases(parts.engine)
    await CaseSweep(cases, parts.stores.handoffs, parts.callbacks, settings.cases, clock=parts.clock).look()


async def serve(settings: Settings) -> None:
    """Until Ctrl-C."""
    async with open_console(settings) as console:
        await hand_over(settings, console.parts)
        password = secrets.token_urlsafe(12)
        users = console.parts.users
        known = users.of_name("demo")
        if known is None:
            users.add("demo", EVERYBODY, made_by="demo", shown="Demo", password=password)
        else:
            users.change(known.user_id, password=password)
        host, port = console.address
        print(f"console on http://{host}:{port}  name: demo  password: {password}   (Ctrl-C ends it)", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
