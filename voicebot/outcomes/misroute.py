"""Which calls are candidates for a misroute. Pure; a change of the rule is a new version, and figures name it.

Version 1: an agent passed the call on within three minutes of answering, to a queue of the routes that is neither the first
queue, nor its overflow, nor the people behind its self-service, nor an adviser of a segment. A candidate goes to review: the
label is a person's. Transfers err both ways, see docs/console.md.
"""

from __future__ import annotations

from enum import StrEnum

from dialogs.data.routes import Routes
from voicebot.outcomes.events import Outcome

VERSION = 1
WITHIN_S = 180.0


class Judged(StrEnum):
    """What the rule says of a hand-off."""

    NOT_ANSWERED = "not_answered"
    """No agent had it: it tells nothing of the routing."""
    KEPT = "kept"
    """The first agent kept it, or had it for long enough."""
    EXPECTED = "expected"
    """Passed on as the routes have it: overflow, adviser, outside."""
    CANDIDATE = "candidate"
    """Passed on early to another queue: somebody must look."""
    NO_MATTER = "no_matter"
    """As a candidate, but steered without a matter: counted apart."""


def judge(outcome: Outcome, *, queue: str, intent: str | None, routes: Routes, within_s: float = WITHIN_S) -> Judged:
    """What version 1 of the rule says of a call that was steered to `queue` with this matter (None: none was told)."""
    if outcome.answered_at is None:
        return Judged.NOT_ANSWERED
    if outcome.kept_s is None or outcome.kept_s > within_s:
        return Judged.KEPT
    if outcome.to_queue not in routes.queues or outcome.to_queue in _expected(queue, intent, routes):
        return Judged.EXPECTED
    return Judged.CANDIDATE if intent is not None else Judged.NO_MATTER


def may_take(intent: str, segment: str, routes: Routes) -> set[str]:
    """The queues where a matter of this segment's customers is rightly put: its own, the people behind its self-service, their
    overflow, and the segment's own line with its adviser.
    """
    queues = {routes.matters[intent].queue, routes.human_queue(intent)}
    line = next((line for name, line in routes.segments.items() if name == segment), None)
    if line is not None and line.queue and (line.takes == "all" or intent in line.takes):
        queues |= {line.queue} | ({line.adviser} if line.adviser else set())
    return queues | {overflow for name in queues if (overflow := routes.queues[name].overflow)}


def _expected(queue: str, intent: str | None, routes: Routes) -> set[str]:
    """Queues that a call of this queue may go on to without anything being wrong; a queue that is not ours is outside."""
    known = routes.queues.get(queue)
    fine = {queue} | ({known.overflow} if known is not None and known.overflow else set())
    if intent is not None and intent in routes.matters:
        fine.add(routes.human_queue(intent))
    fine |= {line.adviser for line in routes.segments.values() if line.adviser}
    return fine


def right_matters(to_queue: str, routes: Routes) -> list[str]:
    """The matters that a transfer into this queue may stand for: a single one is a label, several label the queue only."""
    return [matter for matter, route in routes.matters.items() if route.queue == to_queue]
