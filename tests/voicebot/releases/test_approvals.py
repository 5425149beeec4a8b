"""Four eyes: whatever people try, in whatever order, nothing is approved by somebody who has a part in it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from voicebot.accounts.roles import Role
from voicebot.records.engine import open_engine
from voicebot.releases.approvals import APPROVERS, Kind, kind_of, kinds_of, missing
from voicebot.releases.contents import File, contents_of
from voicebot.releases.store import Proposal, Releases, State

PEOPLE = {
    "tola": {Role.TUNER},
    "tim": {Role.TUNER},
    "cora": {Role.COMPLIANCE},
    "sam": {Role.SUPERVISOR},
    "all": set(Role),
    "ada": {Role.ADMIN},
}
PATHS = {
    Kind.MATTERS: "nlu/pl/blik.yml",
    Kind.TEXTS: "bundle/prompts/pl.yml",
    Kind.ROUTES: "bundle/routes.yml",
}
NOTHING = hashlib.sha256(b"").hexdigest()
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
who = st.sampled_from(sorted(PEOPLE))


def test_what_a_change_is_about() -> None:
    assert kind_of("bundle/recordings/pl/greeting.wav") is Kind.TEXTS
    assert kind_of("bundle/flow.yml") is Kind.ROUTES
    assert kind_of("something/new.yml") is Kind.ROUTES, "what nobody thought of needs a supervisor"
    assert kinds_of(PATHS.values()) == tuple(Kind)


class FourEyes(RuleBasedStateMachine):
    """People propose, approve and close, as they like, against the real tables."""

    @initialize(kinds=st.sets(st.sampled_from(list(Kind)), min_size=1), authors=st.sets(who, max_size=2), by=who)
    def propose(self, kinds: set[Kind], authors: set[str], by: str) -> None:
        self.engine = open_engine("sqlite://")
        self.releases = Releases(self.engine)
        base = contents_of([])
        new = contents_of(File(PATHS[kind], 0, NOTHING) for kind in kinds)
        empty = Path("/dev/null")
        for each in (base, new):
            self.releases.put(each, {file.sha256: empty for file in each.files}, NOW)
        self.parties = {*authors, by}
        self.kinds = kinds
        self.closed = False
        self.seq = self.releases.propose(new.id, base.id, authors=authors, by=by, note="a change", at=NOW)

    @rule(kind=st.sampled_from(list(Kind)), person=who)
    def approve(self, kind: Kind, person: str) -> None:
        before = self.found().approved
        refused = self.releases.approve(self.seq, kind, person, PEOPLE[person], NOW)
        may = person not in self.parties and APPROVERS[kind] in PEOPLE[person] and kind in self.kinds
        assert (refused is None) == (may and kind not in before and not self.closed)

    @rule(state=st.sampled_from([State.SENT_BACK, State.WITHDRAWN]), person=who)
    def close(self, state: State, person: str) -> None:
        assert self.releases.close(self.seq, state, person, "no", NOW) == (not self.closed)
        self.closed = True

    @invariant()
    def nobody_approved_their_own(self) -> None:
        found = self.found()
        assert not self.parties & set(found.approved.values())
        assert all(APPROVERS[kind] in PEOPLE[person] for kind, person in found.approved.items())
        assert set(missing(found.asked)) == self.kinds - found.approved.keys()

    def found(self) -> Proposal:
        proposal = self.releases.proposal(self.seq)
        assert proposal is not None
        return proposal

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.engine.dispose()


FourEyes.TestCase.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
TestFourEyes = FourEyes.TestCase
