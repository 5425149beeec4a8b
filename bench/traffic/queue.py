"""Agents as simulated as the callers: they answer, keep the call, or pass on most of those that came to the wrong queue."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from random import Random

from bench.talk.calls import Held
from dialogs.data.routes import Routes
from nlu.types import AGENT, OUT_OF_SCOPE
from voicebot.outcomes.events import Event, How, What
from voicebot.records.summary import CallSummary

_SEES_IT = 0.6
"""Of the calls that came to the wrong queue, so many are passed on: agents solve the rest themselves."""
_ERRS = 0.03
"""Of those that came right, so many are passed on all the same."""
_LEAVES = 0.05


def events_of(call: CallSummary, held: Held, routes: Routes, rng: Random) -> Iterator[Event]:
    """What the contact centre would tell of this call."""
    if call.handoff_ref is None or call.queue is None:
        return
    ref, queued = call.handoff_ref, call.ended
    yield Event(ref, What.QUEUED, queued, call.queue)
    wait = timedelta(seconds=rng.expovariate(1 / 45))
    if rng.random() < _LEAVES:
        yield Event(ref, What.ABANDONED, queued + wait, call.queue)
        return
    answered = queued + wait
    yield Event(ref, What.ANSWERED, answered, call.queue, agent=f"a-{rng.randrange(40)}")
    goal = held.person.goal
    elsewhere = [name for name, queue in routes.queues.items() if name != call.queue and not queue.self_service]
    to = routes.human_queue(goal) if goal in routes.matters and goal not in (AGENT, OUT_OF_SCOPE) else rng.choice(elsewhere)
    wrong = not held.right and to != call.queue
    end = answered + timedelta(seconds=rng.lognormvariate(5.2, 0.6))
    if rng.random() < (_SEES_IT if wrong else _ERRS):
        end = yield from _passed_on(ref, answered, to if wrong else rng.choice(elsewhere), rng)
    yield Event(ref, What.ENDED, end)


def _passed_on(ref: str, answered: datetime, to: str, rng: Random) -> Generator[Event, None, datetime]:
    at = answered + timedelta(seconds=rng.uniform(15, 150))
    yield Event(ref, What.PASSED_ON, at, to_queue=to, how=rng.choice(list(How)))
    again = at + timedelta(seconds=rng.expovariate(1 / 60))
    yield Event(ref, What.ANSWERED, again, to, agent=f"a-{rng.randrange(40)}")
    return again + timedelta(seconds=rng.lognormvariate(5.2, 0.6))
