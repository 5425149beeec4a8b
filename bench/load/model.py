"""How many machines a hotline needs, from what one was measured to do: `python -m bench.load.model --calls 10000`.

The formulas, with c calls at once of length t seconds:

    new calls a second      r  = c / t
    cores for the media     m  = c × cores of one call (recogniser off)
    cores for recognition   a  = r × utterances of a call × processor seconds of one
    machines                    ceil((m + a) / (cores of a machine × filled))
    processes                   ceil(c / calls of a process)
    Redis commands a second      r × commands of a call + processes × commands of an idle one
    PostgreSQL rows a day        calls of a day × rows of a call;  calls of a day = r × busy hours × 3600

Every figure of one call is measured by the bench; the limits of the shared servers are assumptions: put your own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import ceil

from bench.load.tables import table


@dataclass(frozen=True, slots=True)
class OneCall:
    """What one call takes."""

    cores: float = 0.02
    """Of the service, recogniser off, while it lasts."""
    utterance_s: float = 1.0
    """Processor seconds to recognise one utterance."""
    utterances: float = 2.0
    redis: float = 20.0
    """Redis commands."""
    rows: float = 20.0
    """Rows in PostgreSQL."""
    seconds: float = 60.0
    """How long it is with the bot."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine, and what the shared servers bear."""

    cores: int = 16
    filled: float = 0.6
    """The share of the cores that may be used: the rest is for bursts, and for the machine that fails."""
    process_calls: int = 60
    network_mbit: float = 1000.0
    idle_redis: float = 5.0
    """Redis commands a second of a process without calls."""
    redis_per_s: float = 80_000.0
    """An assumption: one Redis, one core, small commands."""
    rows_per_s: float = 10_000.0
    """An assumption: one PostgreSQL on NVMe, rows written by the call."""
    busy_hours: float = 8.0
    """A day's calls are so many hours of the peak."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """What so many calls at once take."""

    calls: int
    new_per_s: float
    media_cores: float
    recogniser_cores: float
    machines: int
    processes: int
    redis_per_s: float
    rows_per_day: float
    mbit_per_machine: float
    gives_first: str


_CALL_MBIT = 2 * 0.0872  # G.711 with 20 ms packets, Ethernet included, both ways


def sizing(calls: int, call: OneCall, machine: Machine) -> Sizing:
    """By the formulas above."""
    new = calls / call.seconds
    media, recogniser = calls * call.cores, new * call.utterances * call.utterance_s
    machines = max(1, ceil((media + recogniser) / (machine.cores * machine.filled)))
    processes = max(1, ceil(calls / machine.process_calls))
    redis = new * call.redis + processes * machine.idle_redis
    rows = new * call.rows
    mbit = calls * _CALL_MBIT / machines
    shared = {
        f"Redis ({redis / machine.redis_per_s:.0%} of what one bears)": redis / machine.redis_per_s,
        f"PostgreSQL ({rows / machine.rows_per_s:.0%} of what one bears)": rows / machine.rows_per_s,
        f"the network of a machine ({mbit / machine.network_mbit:.0%})": mbit / machine.network_mbit,
    }
    first = max(shared, key=lambda name: shared[name])
    part = "the recogniser's" if recogniser > media else "the media's"
    gives = f"cores ({part}: {max(media, recogniser):.0f} of {media + recogniser:.0f}); of what is shared, {first}"
    rows_a_day = rows * machine.busy_hours * 3600
    return Sizing(calls, new, media, recogniser, machines, processes, redis, rows_a_day, mbit, gives)


def sizing_table(sizes: Sequence[Sizing]) -> str:
    """In Markdown."""
    head = ("calls at once", "new a second", "cores: media, recogniser", "machines", "processes", "Redis commands/s")
    rows = [
        (
            f"{each.calls:,}",
            f"{each.new_per_s:.1f}",
            f"{each.media_cores:.1f}, {each.recogniser_cores:.1f}",
            str(each.machines),
            str(each.processes),
            f"{each.redis_per_s:,.0f}",
            f"{each.rows_per_day / 1e6:,.1f} million",
            f"{each.mbit_per_machine:,.0f} Mbit/s",
            each.gives_first,
        )
        for each in sizes
    ]
    return table((*head, "PostgreSQL rows a day", "network a machine", "what gives first"), rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a sizing table; every figure of one call and of a machine is an option."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.load.model", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, nargs="+", default=[60, 500, 2000, 10_000], help="at once")
    for kind in (OneCall, Machine):
        for each in fields(kind):
            option = f"--{'call' if kind is OneCall else 'machine'}-{each.name.replace('_', '-')}"
            parser.add_argument(option, dest=f"{kind.__name__}.{each.name}", type=type(each.default), default=each.default)
    asked = vars(parser.parse_args(arguments))
    call = OneCall(**{each.name: asked[f"OneCall.{each.name}"] for each in fields(OneCall)})
    machine = Machine(**{each.name: asked[f"Machine.{each.name}"] for each in fields(Machine)})
    print(sizing_table([sizing(calls, call, machine) for calls in asked["calls"]]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
