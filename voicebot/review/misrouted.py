"""The hand-offs that may have gone to the wrong queue, for people to look at. Blocks: for a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from sqlalchemy import Engine, select

from dialogs.data.routes import Routes
from voicebot.outcomes.misroute import Judged, judge
from voicebot.outcomes.models import HandOffEventRow, VerdictRow
from voicebot.outcomes.store import Outcomes
from voicebot.records import schema
from voicebot.records.among import among
from voicebot.records.models import CallRow
from voicebot.review.queues import NEWEST

_LOOKED_AT = 1_000
_KEPT_S = 30.0


class Misrouted:
    """Their references: what the rule for misroutes (`voicebot.outcomes.misroute`) makes of the newest that agents passed on, and
    the newest of which an agent said that they belonged elsewhere. Found anew after half a minute.
    """

    def __init__(self, engine: Engine, routes: Callable[[], Routes], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._routes = routes
        self._clock = clock
        self._finding = threading.Lock()
        self._found: Sequence[str] = ()
        self._until = float("-inf")

    def __call__(self) -> Sequence[str]:
        """Raises what SQLAlchemy raises."""
        with self._finding:
            if self._clock() >= self._until:
                self._found = misrouted(self._engine, self._routes())
                self._until = self._clock() + _KEPT_S
            return self._found


def misrouted(engine: Engine, routes: Routes) -> list[str]:
    """As `Misrouted`, found now; `NEWEST` at most."""
    schema.ready(engine)
    passed_on = (
        select(HandOffEventRow.ref)
        .where(HandOffEventRow.what == "passed_on")
        .order_by(HandOffEventRow.at.desc())
        .limit(_LOOKED_AT)
    )
    wrong = select(VerdictRow.ref).where(VerdictRow.right.is_(False)).order_by(VerdictRow.at.desc()).limit(_LOOKED_AT)
    with engine.connect() as connection:
        refs = list(dict.fromkeys(connection.scalars(passed_on)))
        said = list(connection.scalars(wrong))
        chosen = select(CallRow.handoff_ref, CallRow.queue, CallRow.intent).where(among(CallRow.handoff_ref, refs))
        steered = {ref: (queue or "", intent) for ref, queue, intent in connection.execute(chosen)}
    outcomes = Outcomes(engine).of(refs)
    known = [(ref, *steered[ref]) for ref in refs if ref in steered]  # calls may be deleted already
    rule = [(ref, judge(outcomes[ref], queue=queue, intent=intent, routes=routes)) for ref, queue, intent in known]
    candidates = [ref for ref, judged in rule if judged is Judged.CANDIDATE]
    return list(dict.fromkeys([*said, *candidates]))[:NEWEST]
