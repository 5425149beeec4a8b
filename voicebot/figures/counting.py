"""What one call counts for in the figures. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dialogs.data.routes import Routes
from voicebot.outcomes.events import Outcome
from voicebot.outcomes.misroute import Judged, judge
from voicebot.records.summary import CallSummary

EARLY_S = 5.0
"""Who hangs up within these is not counted as having given up."""
WAVES = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Response times in seconds: counted up to each."""


def counts_of(call: CallSummary, *, outcome: Outcome | None, repeats: Mapping[str, bool | None], routes: Routes) -> Counter[str]:
    """`repeats`: "24h" and "7d", whether the same caller called again within, and "same_24h", whether that was about the same
    matter; None where the caller is not known. The names are explained by the definitions that use them.
    """
    counted: Counter[str] = Counter(calls=1, turns=call.turns, no_match=call.no_match, no_input=call.no_input)
    lasted = (call.ended - call.started).total_seconds()
    handed = call.handoff_ref is not None or call.outcome == "handed_over"
    self_service = _is_self_service(call.intent, routes)
    counted["handed_over"] = int(handed)
    counted["with_matter"] = int(handed and call.intent is not None)
    counted["reasked"] = int(call.reasks > 0)
    counted["reasks"] = call.reasks
    counted["human_before"] = int(call.asked_human == "before")
    counted["human_after"] = int(call.asked_human == "after")
    counted["by_keys"] = int(call.by_keys)
    left = call.outcome in ("caller_hung_up", "caller_gone")
    counted["hung_up"] = int(left and lasted > EARLY_S and not handed)
    counted["at_once"] = int(left and lasted <= EARLY_S)
    counted["contained"] = int(not handed)
    served = not handed and self_service and call.survey != "not_helped"
    counted["self_service"] = int(self_service)
    counted["served"] = int(served and repeats.get("24h") is not True)
    counted["goodbye"] = int(not handed and call.outcome == "goodbye")
    counted["helped"] = int(call.survey == "helped")
    counted["surveyed"] = int(call.survey in ("helped", "not_helped"))
    for name, again in repeats.items():
        counted[f"known_{name}"] = int(again is not None)
        counted[f"again_{name}"] = int(again is True)
    if "24h" in repeats:
        counted["numbers_asked"], counted["withheld"] = 1, int(repeats["24h"] is None)
    for decision in ("accept", "confirm", "choose", "reject"):
        counted[f"first_{decision}"] = int(call.first_decision == decision)
    counted["first_answers"] = int(call.first_decision is not None)
    _count_times(counted, call)
    if handed and outcome is not None:
        _count_outcome(counted, call, outcome, routes)
    return +counted


def _is_self_service(intent: str | None, routes: Routes) -> bool:
    matter = routes.matters.get(intent or "")
    return matter is not None and routes.queues[matter.queue].self_service


def _count_times(counted: Counter[str], call: CallSummary) -> None:
    counted["responses"] = len(call.response_ms)
    for limit in WAVES:
        counted[f"within_{limit}"] = sum(ms <= 1000 * limit for ms in call.response_ms)
    if call.seconds_to_steer is not None:
        counted["steered"] = 1
        counted["steer_ms"] = round(1000 * call.seconds_to_steer)


def _count_outcome(counted: Counter[str], call: CallSummary, outcome: Outcome, routes: Routes) -> None:
    judged = judge(outcome, queue=call.queue or "", intent=call.intent, routes=routes)
    counted["answered"] = int(judged is not Judged.NOT_ANSWERED)
    counted["answered_with_matter"] = int(judged is not Judged.NOT_ANSWERED and call.intent is not None)
    counted["passed_on"] = int(judged in (Judged.CANDIDATE, Judged.NO_MATTER))
    counted["candidates"] = int(judged is Judged.CANDIDATE)
    counted["left_queue"] = int(outcome.abandoned_at is not None)
    counted["told"] = int(outcome.answered_at is not None or outcome.abandoned_at is not None)
