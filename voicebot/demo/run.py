"""Runs the demo: opens the service on free loopback ports, places the calls, shows them live, and judges where they arrived."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from caller_id.types import Caller
from dialogs.events import CallStarted
from dialogs.rehearsal.rehearsal import Exchange
from voicebot.config.settings import Settings
from voicebot.demo.scenarios import AT_ONCE, CUSTOMERS, IN_TEXT, ONE_BY_ONE, Scenario, TextScenario
from voicebot.logs import configure_logs
from voicebot.records.journal import Line
from voicebot.screen import CallScreen
from voicebot.service import Service, open_service
from voicebot.softphone import CallReport, CallScript, run_script_process
from voicebot.tables import show_table
from voicebot.talk import CallerTurn, TextCall, as_json, say_in_words

DATA_DIR = Path("var/demo-state")
_HEAD = ("call", "caller", "segment", "heard", "intent", "conf.", "decision", "queue", "prio", "steered", "answer", "result")
"""Where the demo keeps what need not be made again: the joined recogniser, the synthesised prompts."""

A_WORKING_DAY = datetime(2026, 11, 24, 10, 15, tzinfo=ZoneInfo("Europe/Warsaw"))
"""The demo's time of day, so that the same queues are open whenever it is run."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scenario ended, beside what was expected."""

    scenario: Scenario | TextScenario
    lines: Sequence[Line]
    report: CallReport | None = None

    @property
    def hand_off(self) -> dict[str, Any]:
        """The last hand-off, as JSON; empty when there was none."""
        found = [dict(line) for line in self.lines if line.get("type") == "HandOff"]
        return found[-1] if found else {}

    @property
    def as_expected(self) -> bool:
        """Right queue, priority and segment, and taken over there."""
        wanted = {"queue": self.scenario.queue, "priority": self.scenario.priority}
        if isinstance(self.scenario, Scenario):
            wanted["segment"] = self.scenario.segment
        arrived = self.report is None or self.report.transfer_target.startswith(f"sip:{self.scenario.queue}@")
        return arrived and wanted.items() <= self.hand_off.items()


async def run_demo(console: Console, folder: Path) -> int:
    """Place every call; the exit code: 0 only when each arrived where it should. `folder` gets recordings and records."""
    customers = _fresh(folder)
    configure_logs(level="error")
    journals: dict[str, list[Line]] = {}
    screen: list[CallScreen] = []

    def sink(call_id: str, line: Line) -> None:
        journals.setdefault(call_id, []).append(line)
        if screen:
            screen[0](call_id, line)

    console.print(f"starting the service on loopback; for the calls it is {A_WORKING_DAY:%A %H:%M} in Warsaw")
    started = datetime.now(UTC)

    def clock() -> datetime:
        return A_WORKING_DAY + (datetime.now(UTC) - started)

    def doing(what: str) -> None:
        console.print(f"… {what}", style="dim")

    async with open_service(_settings(folder, customers), sinks=[sink], progress=doing, clock=clock) as service:
        console.print("SIP on {}:{}, health and metrics on http://{}:{}\n".format(*service.sip.address, *service.health))
        screen.append(CallScreen(console, lambda say: say_in_words(say, service.bundle, clock())))
        outcomes = await _place(console, service, ONE_BY_ONE, journals, together=1)
        console.print("\n[bold]five calls at once[/bold]")
        outcomes += await _place(console, service, AT_ONCE, journals, together=len(AT_ONCE))
        console.print("\n[bold]the same conversation as text[/bold]")
        outcomes += [_in_text(service, scenario, screen[0], clock()) for scenario in IN_TEXT]
    console.print("\n[bold]calls[/bold]")
    show_table(console, _HEAD, [_row(outcome) for outcome in outcomes], tabs=False)
    console.print(f"recordings (stereo WAV: caller left, bot right) and records (JSON): {folder}")
    right = sum(outcome.as_expected for outcome in outcomes)
    console.print(f"demo: {right} of {len(outcomes)} calls steered as expected", highlight=False)
    return 0 if right == len(outcomes) else 1


def _fresh(folder: Path) -> Path:
    """An empty folder but for the demo's customers."""
    for stale in (folder, DATA_DIR / "state"):  # callers of an earlier run are not callers of today
        shutil.rmtree(stale, ignore_errors=True)
    folder.mkdir(parents=True)
    customers = folder / "customers.csv"
    customers.write_text(CUSTOMERS, encoding="utf-8")
    return customers


def _settings(folder: Path, customers: Path) -> Settings:
    return Settings.model_validate(
        {
            "sip": {
                "host": "127.0.0.1",
                "port": 0,
                "peers": ["127.0.0.1/32"],
                "net_interface": "127.0.0.1",
                "transports": ["udp"],
                "rtp_ports": [21000, 21999],
            },
            "state": {"data_dir": str(DATA_DIR)},
            "records": {"folder": str(folder), "database_url": f"sqlite:///{folder / 'calls.db'}"},
            "recording": {"enabled": True, "folder": str(folder)},
            "health": {"port": 0},
            "customers": {"csv": str(customers), "sqlite": str(folder / "customers.db")},
            "handoff": {"address": "sip:{queue}@127.0.0.1:5999"},
        }
    )


async def _place(
    console: Console, service: Service, scenarios: Sequence[Scenario], journals: dict[str, list[Line]], *, together: int
) -> list[Outcome]:
    """Have the calls placed by another process; a call's journal is found by the time it began."""
    outcomes: list[Outcome] = []
    batches = [scenarios[at : at + together] for at in range(0, len(scenarios), together)]
    for batch in batches:
        for scenario in batch:
            console.print(f"\n[bold]{scenario.title}[/bold]: expected at {scenario.queue}, priority {scenario.priority}")
        before = set(journals)
        reports = await run_script_process([_script(service, scenario) for scenario in batch], host="127.0.0.1")
        await _all_closed(journals, before, len(batch))
        for scenario, report in zip(batch, reports, strict=True):
            outcomes.append(Outcome(scenario, _journal_of(report, journals, before), report))
    return outcomes


async def _all_closed(journals: dict[str, list[Line]], before: set[str], expected: int) -> None:
    for _ in range(100):
        fresh = [lines for call_id, lines in journals.items() if call_id not in before]
        if len(fresh) == expected and all(lines[-1].get("kind") == "closed" for lines in fresh):
            return
        await asyncio.sleep(0.05)


def _journal_of(report: CallReport, journals: dict[str, list[Line]], before: set[str]) -> Sequence[Line]:
    """The journal of this very call: its script carries its title in X-Call-Ref, as a PBX would its own reference."""
    for call_id, lines in journals.items():
        if call_id not in before and any(line.get("call_ref") == report.call for line in lines):
            return lines
    return []


def _script(service: Service, scenario: Scenario) -> CallScript:
    host, port = service.sip.address
    return CallScript(
        target=f"sip:{scenario.line}@{host}:{port}",
        steps=scenario.steps,
        name=scenario.title,
        number=scenario.number or "anonymous",
        domain="anonymous.invalid" if scenario.number is None else "127.0.0.1",
        headers={"X-Call-Ref": scenario.title, **scenario.headers},
        codecs=(scenario.codec,),  # type: ignore[arg-type]
        max_s=90.0,
    )


def _in_text(service: Service, scenario: TextScenario, screen: CallScreen, at: datetime) -> Outcome:
    """The same dialogue and classifier, words in place of sound."""
    lines: list[Line] = []

    def show(exchange: Exchange) -> None:
        for line in as_json(exchange, service.bundle):
            lines.append({**line, "t": (exchange.at - at).total_seconds()})
            screen(scenario.title, lines[-1])

    call = TextCall(service.bundle, service.call_services.session.understanding.local, at=at, show=show)
    call.run(CallStarted(Caller(), language="pl"), [CallerTurn("say", words) for words in scenario.lines])
    return Outcome(scenario, lines)


def _row(outcome: Outcome) -> tuple[str, ...]:
    hand_off = outcome.hand_off
    heard = [str(line["text"]) for line in outcome.lines if line.get("type") == "Heard"]
    keys = "".join(str(line["key"]) for line in outcome.lines if line.get("type") == "KeyPressed")
    decided = [str(line["kind"]) for line in outcome.lines if line.get("type") == "Decided"]
    latencies = [str(line["response_ms"]) for line in outcome.lines if line.get("kind") == "latency"]
    number = outcome.scenario.number if isinstance(outcome.scenario, Scenario) else "text"
    confidence = hand_off.get("confidence")
    return (
        outcome.scenario.title,
        number or "withheld",
        str(hand_off.get("segment", "-")),
        " / ".join(heard) + (f" [keys {keys}]" if keys else ""),
        str(hand_off.get("intent") or "-"),
        f"{confidence:.2f}" if confidence is not None else "-",
        decided[-1] if decided else "-",
        str(hand_off.get("queue", "-")),
        str(hand_off.get("priority", "-")),
        f"{hand_off['t']:.1f} s" if "t" in hand_off else "-",
        " ".join(f"{value} ms" for value in latencies) or "-",
        "as expected" if outcome.as_expected else f"expected {outcome.scenario.queue}",
    )
