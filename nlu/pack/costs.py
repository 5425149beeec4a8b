"""What mistakes cost: the numbers behind every decision, read from a pack's `costs.yml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from nlu.errors import PackError
from nlu.pack.rasa_yaml import load_document


@dataclass(frozen=True, slots=True)
class IntentCosts:
    """Exceptions for one intent: `missed` replaces `wrong_queue` when it was meant; under `confirm_below` it is asked about."""

    missed: float | None = None
    confirm_below: float = 0.0


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs in points (one point: one more question asked of the caller), and two probabilities. See `costs.yml` for each."""

    wrong_queue: float = 9.0
    same_queue: float = 0.8
    missed_emergency: float = 45.0
    false_emergency: float = 7.0
    accepted_out_of_scope: float = 5.0
    confirm: float = 1.0
    confirm_wrong: float = 2.6
    confirm_delays_emergency: float = 4.0
    choose: float = 1.5
    choose_wrong: float = 3.2
    reject: float = 2.8
    reject_emergency: float = 20.0
    reject_out_of_scope: float = 0.3
    plausible_emergency: float = 0.12
    belief_at_zero_confidence: float = 0.45
    intents: Mapping[str, IntentCosts] = field(default_factory=dict)


_SHARES = frozenset({"plausible_emergency", "belief_at_zero_confidence"})


def load_costs(path: Path) -> Costs:
    """Costs from a file; a pack without the file has the defaults. Raises PackError on an unknown name or a bad number."""
    if not path.is_file():
        return Costs()
    document = load_document(path)
    known = {one.name for one in fields(Costs)} - {"intents"}
    values: dict[str, Any] = {}
    for name, value in document.items():
        line = document.lc.key(name)[0] + 1
        if name == "intents":
            values["intents"] = {intent: _exception(intent, entry, path, line) for intent, entry in (value or {}).items()}
        elif name not in known:
            raise PackError(path, line, f"unknown cost {name!r}", f"Use one of: {', '.join(sorted(known))}")
        else:
            values[name] = _number(name, value, path, line)
    return Costs(**values)


def _number(name: str, value: Any, path: Path, line: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise PackError(path, line, f"{name}: {value!r} is not a number of at least 0", "Write points, like 2.5")
    if name in _SHARES and value > 1:
        raise PackError(path, line, f"{name}: {value!r} is not a share", "Write a number from 0 to 1")
    return float(value)


def _exception(intent: str, entry: Any, path: Path, line: int) -> IntentCosts:
    allowed = {one.name for one in fields(IntentCosts)}
    if not isinstance(entry, Mapping) or set(entry) - allowed:
        raise PackError(path, line, f"costs of {intent} are not understood", f"Write {{{': …, '.join(sorted(allowed))}: …}}")
    return IntentCosts(**{name: _number(name, value, path, line) for name, value in entry.items()})
