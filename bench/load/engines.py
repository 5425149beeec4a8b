"""What each engine of recognition makes a call cost: real SIP calls, one engine after the other in one sitting."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audio.recognisers.settings import engine_named
from bench.calls import MATTERS, call_share, long_speech, talking, total
from bench.load.bot import Bot, running_bot
from bench.load.speaking import heard, script
from bench.load.tables import busy, table
from voicebot.demo.scenarios import LISTEN, YES
from voicebot.softphone import CallScript, HangUp, Say, UntilEnded, run_script_process

CALL_S, UTTERANCES = 60.0, 3
"""The call that the last column is for."""
_TOGETHER = 2
_MANY = 30
_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One engine, measured."""

    engine: str
    cpu_s: float
    """The service's processor seconds, of all these calls."""
    utterances: int
    decodes: float
    """Of an utterance; 0 where the engine hears along."""
    p50_s: float
    """From the end of speech to the bot's first sound."""
    p95_s: float
    put_through: int
    calls: int
    call_seconds: float
    machine: float

    def utterance_s(self, deaf: EngineRow) -> float:
        """Processor seconds that one utterance adds."""
        more = self.cpu_s - deaf.cpu_s * self.call_seconds / deaf.call_seconds
        return max(0.0, more) / max(1, self.utterances)


def calls_a_core(call_share: float, utterance_s: float) -> float:
    """At once, of CALL_S with UTTERANCES, a core filled to the brim; a call takes `call_share` of it without an engine."""
    return CALL_S / (CALL_S * call_share + UTTERANCES * utterance_s)


async def measure_engines(folder: Path, named: Sequence[str], calls: int) -> tuple[str, str]:
    """The table and what is to be said above it. `named` as `voicebot asr check --engine` has them. Raises ValueError."""
    engines = {name: engine_named(name) for name in named}
    async with running_bot(folder, deaf=True, max_calls=100) as bot:
        async with talking(bot.service, await long_speech(folder), calls=_MANY, seconds=_SECONDS):
            share, live = await call_share(bot.service, _SECONDS)
        await bot.idle(40)
        deaf = await _measured(bot, "none", calls)
    rows = []
    for name, settings in engines.items():
        sections = {"recognisers": {"en": settings.model_dump(exclude_defaults=True)}}
        async with running_bot(folder, deaf=False, max_calls=50, sections=sections) as bot:
            rows.append(await _measured(bot, name, calls))
    head = ("engine", "an utterance", "decodes of one", "response p50, p95", "put through", "calls a core")
    verdict = (
        f"A call takes {100 * share:.2f} % of a core without an engine ({live} at once, all talking). {calls} calls of each engine, "  # noqa: E501
        f"{_TOGETHER} at once; an utterance in milliseconds of the service's processor, beside what the same calls take when "
        f"nothing is heard; calls a core: of {CALL_S:.0f} s with {UTTERANCES} utterances, a core filled to the brim."
        f"{busy([row.machine for row in (deaf, *rows)])}"
    )
    return table(
        head, [("none", "", "", "", "", f"{calls_a_core(share, 0):.0f}"), *(_cells(row, deaf, share) for row in rows)]
    ), verdict


def _cells(row: EngineRow, deaf: EngineRow, share: float) -> tuple[str, ...]:
    engine, _, model = row.engine.partition(":")
    utterance_s = row.utterance_s(deaf)
    return (
        f"{engine} ({Path(model).name})" if model else engine,
        f"{1000 * utterance_s:.0f}",
        f"{row.decodes:.2f}" if row.decodes else "hears along",
        f"{row.p50_s:.2f}, {row.p95_s:.2f} s",
        f"{row.put_through} of {row.calls}",
        f"{calls_a_core(share, utterance_s):.0f}",
    )


async def _measured(bot: Bot, name: str, calls: int) -> EngineRow:
    await run_script_process(_scripts(bot, _TOGETHER), host="127.0.0.1", together=_TOGETHER)  # what is slow the first time
    await bot.idle(40)
    before, machine, cpu = _decodes(bot), os.getloadavg()[0], time.process_time()
    reports = await run_script_process(_scripts(bot, calls), host="127.0.0.1", together=_TOGETHER)
    cpu = time.process_time() - cpu
    seconds = sum(report.duration_s for report in reports)
    decodes, utterances = (now - then for now, then in zip(_decodes(bot), before, strict=True))
    p50, p95, through = heard(reports)
    spoken = sum(len(report.responses) for report in reports)
    each = decodes / utterances if utterances else 0.0
    return EngineRow(name, cpu, spoken, each, p50, p95, through, len(reports), seconds, machine)


def _decodes(bot: Bot) -> tuple[float, float]:
    """Decodes and utterances so far."""
    sums, counts = (total(bot.service, f"voicebot_recogniser_decodes_{each}") for each in ("sum", "count"))
    return sums, counts


def _scripts(bot: Bot, calls: int) -> list[CallScript]:
    """A matter, its confirmation, and on to a person; who is not understood says it again, and hangs up."""
    steps = [(LISTEN, Say(MATTERS[at % len(MATTERS)]), LISTEN, YES, UntilEnded(6), HangUp()) for at in range(calls)]
    return [script(bot, each, at, delay_s=0.4 * (at % _TOGETHER)) for at, each in enumerate(steps)]
