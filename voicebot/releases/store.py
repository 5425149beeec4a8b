"""Releases, proposals, approvals and the pointer in SQL, which is the truth. What people do with them goes to the audit trail in
the same transaction: both or neither, whichever process dies. Blocks: for a thread. Methods raise what SQLAlchemy raises.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from voicebot.accounts.roles import Role
from voicebot.files import private_folder
from voicebot.identity.audit_table import Fact, add, note_of, one_writer
from voicebot.records import schema
from voicebot.records.among import among
from voicebot.records.database_time import DatabaseTime
from voicebot.redaction import redact_text
from voicebot.releases.approvals import Asked, Kind, Refusal, kinds_of, refusal
from voicebot.releases.contents import Contents, File, contents_of, difference, is_whole
from voicebot.releases.errors import ReleaseError
from voicebot.releases.models import (
    ApprovalRow,
    BlobRow,
    CheckRow,
    PointerRow,
    ProcessRow,
    ProposalRow,
    ReleaseRow,
    ShadowOrderRow,
)
from voicebot.releases.pointer import Arm, Pointer, ShadowOrder, Stage, before

PROCESS_GONE = timedelta(seconds=20)
"""A process that has said nothing for so long is not waited for."""
CHECKS_GONE = timedelta(seconds=60)
"""Checks that have said nothing for so long have failed: their process, or its machine, is gone."""
_TOLD = {Stage.PREPARE: "release.prepared", Stage.LIVE: "release.live", Stage.BACK: "release.back"}
"""What the audit trail calls an order."""
_WHOLE_HISTORY = 100_000
_TRIES = 5
"""Where several processes want the same at once."""


class State(StrEnum):
    """Of a proposal."""

    OPEN = "open"
    SENT_BACK = "sent_back"
    WITHDRAWN = "withdrawn"
    PUBLISHED = "published"


class Checked(StrEnum):
    """How far a proposal's checks are."""

    WAITS = "waits"
    RUNS = "runs"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found."""

    name: str
    ok: bool | None
    told: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that somebody wants live."""

    seq: int
    contents: str
    base: str
    authors: tuple[str, ...]
    by: str
    note: str
    at: datetime
    state: State
    closed_by: str
    closed_why: str
    checked: Checked
    final: str | None
    needed: tuple[Kind, ...] = ()
    approved: Mapping[Kind, str] = field(default_factory=dict)

    @property
    def asked(self) -> Asked:
        """As the rule of four eyes sees it."""
        return Asked(self.needed, {*self.authors, self.by}, self.approved, self.state is State.OPEN)


@dataclass(frozen=True, slots=True)
class Shadowed:
    """How far a process is with the release in the shadow."""

    release: str
    octets: int
    """By how much the process grew when it loaded it; 0 while it loads."""
    trouble: str


@dataclass(frozen=True, slots=True)
class Process:
    """What a process of ours goes by."""

    name: str
    at: datetime
    seq: int
    live: str
    loaded: tuple[str, ...]
    trouble: str
    shadow: Shadowed | None = None
    """None in a process that has none, or serves nobody."""


class Releases:
    """All of them."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`clock` tells which checks are gone."""
        self._engine = engine
        self._clock = clock
        self._time = DatabaseTime(engine)
        self._needed: dict[tuple[str, str], tuple[Kind, ...]] = {}
        """By base and contents, which never change: a list of proposals need not compare their files each time."""

    @contextmanager
    def _audited(self) -> Iterator[Session]:
        """A transaction for what goes into the audit trail, see `_note`."""
        schema.ready(self._engine)
        with Session(self._engine) as session, session.begin():
            one_writer(session.connection())
            yield session

    # ------------------------------------------------------------------ contents

    def put(self, contents: Contents, where: Mapping[str, Path], at: datetime) -> str:
        """Keep a release; its id. `where` tells the file of each content that may be new. Raises ReleaseError, OSError."""
        schema.ready(self._engine)
        for _ in range(_TRIES - 1):
            with suppress(IntegrityError):  # another process keeps some of the same meanwhile
                return self._put(contents, where, at)
        return self._put(contents, where, at)

    def _put(self, contents: Contents, where: Mapping[str, Path], at: datetime) -> str:
        with Session(self._engine) as session, session.begin():
            if session.get(ReleaseRow, contents.id) is not None:
                return contents.id
            wanted = {file.sha256 for file in contents.files}
            there = set(session.scalars(select(BlobRow.sha256).where(among(BlobRow.sha256, wanted))))
            for sha in sorted(wanted - there):
                data = where[sha].read_bytes()
                if hashlib.sha256(data).hexdigest() != sha:
                    raise ReleaseError(f"{where[sha]} was changed meanwhile; try again", "changed_meanwhile")
                session.execute(insert(BlobRow), [{"sha256": sha, "data": data}])
            files = [[file.path, file.octets, file.sha256] for file in contents.files]
            session.add(ReleaseRow(id=contents.id, files=files, at=at))
        return contents.id

    def contents(self, release: str) -> Contents | None:
        """The files of a release; None when it is not known."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            row = session.get(ReleaseRow, release)
            return contents_of(File(*each) for each in row.files) if row is not None else None

    def data(self, sha256: str) -> bytes | None:
        """One file's content."""
        with Session(self._engine) as session:
            row = session.get(BlobRow, sha256)
            return row.data if row is not None else None

    def unpack(self, release: str, parent: Path) -> Path:
        """The folder `parent`/<release> with the files of the release, written beside and renamed when all are verified; one that
        is there already is verified, and written anew when it is damaged. Several processes may do it at once.

        Raises ReleaseError for what is not known or damaged; OSError.
        """
        folder = parent / release
        contents = self.contents(release)
        if contents is None:
            raise ReleaseError(f"release {release[:12]} is not in the database", "unknown_release", release=release[:12])
        if folder.is_dir():
            if is_whole(folder, contents):
                return folder
            with suppress(FileNotFoundError):  # another process was quicker
                folder.rename(parent / f".{release[:12]}-damaged-{secrets.token_hex(4)}")
        private_folder(parent)
        fresh = Path(tempfile.mkdtemp(prefix=f".{release[:12]}-", dir=parent))
        try:
            self.write(contents, fresh)
            try:
                fresh.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was quicker
                    raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return folder

    def write(self, contents: Contents, folder: Path) -> None:
        """Write the files into this folder, verified. Raises ReleaseError, OSError."""
        for file in contents.files:
            data = self.data(file.sha256)
            if data is None or hashlib.sha256(data).hexdigest() != file.sha256:
                raise ReleaseError(
                    f"{file.path} of the release is missing or damaged in the database; restore a backup of it",
                    "damaged",
                    path=file.path,
                )
            path = folder / file.path
            if not path.resolve().is_relative_to(folder.resolve()):
                raise ReleaseError(f"{file.path!r} is no path within a release", "damaged", path=file.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    # ------------------------------------------------------------------ proposals

    def propose(self, contents: str, base: str, *, authors: Collection[str], by: str, note: str, at: datetime) -> int:
        """A new proposal; its number. Raises ReleaseError when it changes nothing."""
        if contents == base:
            raise ReleaseError("nothing differs from what is live", "no_change")
        with self._audited() as session:
            row = ProposalRow(
                contents=contents,
                base=base,
                authors=sorted(authors),
                by=by,
                note=redact_text(note),
                at=at,
                state=State.OPEN,
                closed_by="",
                closed_why="",
                checked=Checked.WAITS,
                final=None,
            )
            session.add(row)
            session.flush()
            _note(session, "release.proposed", at, who=by, proposal=row.seq)
            return row.seq

    def proposal(self, seq: int) -> Proposal | None:
        """One proposal, with what it needs and has."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            row = session.get(ProposalRow, seq)
            return self._proposal(session, row) if row is not None else None

    def proposals(self, limit: int = 50) -> list[Proposal]:
        """The newest first."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            rows = session.scalars(select(ProposalRow).order_by(ProposalRow.seq.desc()).limit(limit))
            return [self._proposal(session, row) for row in rows]

    def _proposal(self, session: Session, row: ProposalRow) -> Proposal:
        pair = (row.base, row.contents)
        needed = self._needed.get(pair)
        if needed is None:
            old, new = self.contents(row.base), self.contents(row.contents)
            needed = kinds_of(difference(old, new).paths) if old is not None and new is not None else tuple(Kind)
            self._needed[pair] = needed
        given = session.scalars(select(ApprovalRow).where(ApprovalRow.proposal == row.seq))
        return Proposal(
            row.seq,
            row.contents,
            row.base,
            tuple(row.authors),
            row.by,
            row.note,
            row.at,
            State(row.state),
            row.closed_by,
            row.closed_why,
            self._checked(row),
            row.final,
            needed,
            {Kind(each.kind): each.who for each in given},
        )

    def _checked(self, row: ProposalRow) -> Checked:
        checked = Checked(row.checked)
        if checked is Checked.RUNS and (row.checks_until is None or row.checks_until < self._now()):
            return Checked.FAILED
        return checked

    def approve(self, seq: int, kind: Kind, who: str, roles: Collection[Role], at: datetime) -> Refusal | None:
        """Keep an approval; why not, None when it is kept. The rule is asked within the transaction that keeps it."""
        try:
            with self._audited() as session:
                row = session.get(ProposalRow, seq, with_for_update=True)
                if row is None:
                    return Refusal.CLOSED
                refused = refusal(self._proposal(session, row).asked, kind, who, roles)
                if refused is None:
                    session.add(ApprovalRow(proposal=seq, kind=kind.value, who=who, at=at))
                    _note(session, "release.approved", at, who=who, proposal=seq, kind=kind.value)
                return refused
        except IntegrityError:
            return Refusal.DONE

    def close(self, seq: int, state: State, who: str, why: str, at: datetime) -> bool:
        """An open proposal is open no more, nor in the shadow; False when it was not."""
        why = redact_text(why)
        with self._audited() as session:
            closed = _close(session.connection(), seq, state, who, why)
            if closed:
                _end_shadow(session, who=who, why=state, at=at, proposal=seq)
                _note(session, f"release.{state}", at, who=who, proposal=seq, why=why)
            return closed

    # ------------------------------------------------------------------ checks

    def take_for_checks(self, seq: int, run: str) -> bool:
        """Whether this run of its checks may begin now: they wait, are to be done again, or the run before is gone. Of several
        who ask, one may; it says from time to time that it is there (`checks_live`).
        """
        now = self._now()
        gone = or_(ProposalRow.checks_until.is_(None), ProposalRow.checks_until < now)
        free = or_(ProposalRow.checked != Checked.RUNS, gone)
        with self._engine.begin() as connection:
            mine = connection.execute(
                update(ProposalRow)
                .where(ProposalRow.seq == seq, ProposalRow.state == State.OPEN, free)
                .values(checked=Checked.RUNS, final=None, checks_run=run, checks_until=now + CHECKS_GONE)
            )
            if mine.rowcount == 1:
                connection.execute(delete(CheckRow).where(CheckRow.proposal == seq))
            return mine.rowcount == 1

    def _now(self) -> datetime:
        return self._time.at(self._clock())

    def checks_live(self, seq: int, run: str) -> bool:
        """The run is still there. False when another has taken its place, or it was ended."""
        mine = (ProposalRow.seq == seq, ProposalRow.checks_run == run, ProposalRow.checked == Checked.RUNS)
        lengthened = update(ProposalRow).where(*mine).values(checks_until=self._now() + CHECKS_GONE)
        with self._engine.begin() as connection:
            return connection.execute(lengthened).rowcount == 1

    def becomes(self, seq: int, final: str) -> bool:
        """The release that a proposal becomes; False when its checks have not passed any more."""
        with self._engine.begin() as connection:
            done = connection.execute(
                update(ProposalRow)
                .where(ProposalRow.seq == seq, ProposalRow.state == State.OPEN, ProposalRow.checked == Checked.PASSED)
                .values(final=final)
            )
            return done.rowcount == 1

    def checks_end(self, seq: int, run: str, checked: Checked, final: str | None = None) -> bool:
        """The run is over; `final` is the release that the proposal becomes. False when another has taken its place: then nothing
        is changed.
        """
        mine = (ProposalRow.seq == seq, ProposalRow.checks_run == run, ProposalRow.checked == Checked.RUNS)
        with self._engine.begin() as connection:
            ended = update(ProposalRow).where(*mine).values(checked=checked.value, final=final, checks_until=None)
            return connection.execute(ended).rowcount == 1

    def keep_check(self, seq: int, run: str, check: Check) -> None:
        """What a check found, in place of what it had found before. Nothing when another run has taken the place of this one."""
        with self._engine.begin() as connection:
            mine = select(ProposalRow.seq).where(ProposalRow.seq == seq, ProposalRow.checks_run == run).with_for_update()
            if connection.scalar(mine) is None:
                return
            connection.execute(delete(CheckRow).where(CheckRow.proposal == seq, CheckRow.name == check.name))
            values = {"proposal": seq, "name": check.name, "ok": check.ok, "told": dict(check.told), "at": check.at}
            connection.execute(insert(CheckRow), [values])

    def checks(self, seq: int) -> list[Check]:
        """What the checks of a proposal found, in the order they were done."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            rows = session.scalars(select(CheckRow).where(CheckRow.proposal == seq).order_by(CheckRow.at, CheckRow.name))
            return [Check(row.name, row.ok, row.told, row.at) for row in rows]

    # ------------------------------------------------------------------ the pointer

    def order(
        self,
        stage: Stage,
        arms: Sequence[Arm],
        *,
        who: str,
        why: str,
        at: datetime,
        after: Pointer | None = None,
        proposal: int | None = None,
        closes: bool = False,
    ) -> Pointer:
        """Point at these releases. With `after` only while that is the newest order, and with `proposal` only while that is open;
        one that it `closes` is published in the same step: a process that dies leaves both or neither. A shadow is compared with
        what calls go by: it ends when that changes. Raises ReleaseError.
        """
        why = redact_text(why)
        for _ in range(_TRIES):
            newest = after or self.newest()
            seq = newest.seq + 1 if newest is not None else 1
            row = PointerRow(seq=seq, stage=stage.value, arms=[[arm.release, arm.share] for arm in arms], who=who, why=why, at=at)
            try:
                with self._audited() as session:
                    session.add(row)
                    session.flush()
                    if stage is not Stage.PREPARE:
                        _end_shadow(session, who=who, why=why, at=at)
                    if proposal is not None and not _still_open(session.connection(), proposal):
                        raise ReleaseError("the proposal is open no more", "closed")
                    if proposal is not None and closes:
                        _close(session.connection(), proposal, State.PUBLISHED, who, "")
                    pointer = _pointer(row)
                    _note(session, _TOLD[stage], at, who=who, why=why, proposal=proposal, **_facts(pointer))
                    return pointer
            except IntegrityError:  # of several who order at once, one has this number
                if after is not None:
                    break
        raise ReleaseError("somebody else published or rolled back at this moment; look at the page again", "raced")

    def history(self, limit: int = 50) -> list[Pointer]:
        """What was ordered, newest first."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            return [_pointer(row) for row in session.scalars(select(PointerRow).order_by(PointerRow.seq.desc()).limit(limit))]

    def newest(self) -> Pointer | None:
        """The last order; None when there never was one: calls go by the configuration."""
        return next(iter(self.history(1)), None)

    def live(self) -> Pointer | None:
        """The last order that switched."""
        switched = select(PointerRow).where(PointerRow.stage != Stage.PREPARE).order_by(PointerRow.seq.desc()).limit(1)
        schema.ready(self._engine)
        with Session(self._engine) as session:
            row = session.scalars(switched).first()
            return _pointer(row) if row is not None else None

    def roll_back(self, who: str, why: str, at: datetime) -> Pointer:
        """Point at what was live before; at the configuration's own bundle before anything was. Raises ReleaseError."""
        if not who or not why:
            raise ReleaseError("say who rolls back, and why: whoever comes after you must know", "no_why")
        arms = before(self.history(_WHOLE_HISTORY))
        if arms is None:
            raise ReleaseError("there is nothing to go back to: calls go by the configuration", "nothing_before")
        return self.order(Stage.BACK, arms, who=who, why=why, at=at)

    # ------------------------------------------------------------------ the shadow

    def begin_shadow(self, release: str, proposal: int, *, until: datetime, who: str, at: datetime) -> ShadowOrder:
        """Have this release, of that proposal, decide beside the one in force, in place of any other."""
        with self._audited() as session:
            row = ShadowOrderRow(release=release, proposal=proposal, until=until, who=who, why="", at=at)
            session.add(row)
            session.flush()
            _note(session, "release.shadow", at, who=who, proposal=proposal, release=release, until=until.isoformat())
            return _shadow_order(row)

    def end_shadow(self, proposal: int, *, who: str, why: str, at: datetime) -> ShadowOrder | None:
        """No release of that proposal decides any more; None when none did."""
        with self._audited() as session:
            return _end_shadow(session, who=who, why=why, at=at, proposal=proposal)

    def shadow(self) -> ShadowOrder | None:
        """The newest order; None when there never was one."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            row = _newest_shadow(session)
            return _shadow_order(row) if row is not None else None

    def shadows_of(self, proposal: int) -> list[ShadowOrder]:
        """All orders about releases of a proposal, newest first."""
        schema.ready(self._engine)
        chosen = select(ShadowOrderRow).where(ShadowOrderRow.proposal == proposal).order_by(ShadowOrderRow.seq.desc())
        with Session(self._engine) as session:
            return [_shadow_order(row) for row in session.scalars(chosen)]

    # ------------------------------------------------------------------ processes

    def tell(self, process: Process) -> None:
        """What this process goes by now."""
        at = self._time.at(process.at)
        values = {
            "at": at,
            "seq": process.seq,
            "live": process.live,
            "loaded": list(process.loaded),
            "trouble": process.trouble,
            "shadow": asdict(process.shadow) if process.shadow is not None else None,
        }
        schema.ready(self._engine)
        with self._engine.begin() as connection:
            there = connection.execute(update(ProcessRow).where(ProcessRow.name == process.name).values(**values))
            if not there.rowcount:
                connection.execute(insert(ProcessRow), [{"name": process.name, **values}])
            connection.execute(delete(ProcessRow).where(ProcessRow.at < at - 10 * PROCESS_GONE))

    def ended(self, name: str) -> None:
        """The process is no more."""
        with self._engine.begin() as connection:
            connection.execute(delete(ProcessRow).where(ProcessRow.name == name))

    def processes(self, now: datetime) -> list[Process]:
        """Those that are there, by name."""
        schema.ready(self._engine)
        heard = self._time.at(now) - PROCESS_GONE
        with Session(self._engine) as session:
            rows = session.scalars(select(ProcessRow).where(ProcessRow.at >= heard).order_by(ProcessRow.name))
            return [
                Process(
                    row.name,
                    row.at,
                    row.seq,
                    row.live,
                    tuple(row.loaded),
                    row.trouble,
                    Shadowed(**row.shadow) if row.shadow is not None else None,
                )
                for row in rows
            ]


def _note(session: Session, what: str, at: datetime, **facts: Fact) -> None:
    """A line of the audit trail, if the transaction is kept."""
    add(session.connection(), [note_of(what, at, facts)])


def _facts(pointer: Pointer) -> dict[str, Fact]:
    """What the audit trail says of an order: the release that it is about, and its share of the callers in percent."""
    newest = pointer.arms[-1]
    return {"seq": pointer.seq, "release": newest.release, "share": round(100 * newest.share)}


def process_name(kind: str, host: str) -> str:
    """A name for this process that no other has."""
    return f"{kind}@{host}:{os.getpid()}"


def _still_open(connection: Connection, seq: int) -> bool:
    """Nobody closes it before this transaction ends: its row is written."""
    kept = update(ProposalRow).where(ProposalRow.seq == seq, ProposalRow.state == State.OPEN).values(state=State.OPEN.value)
    return connection.execute(kept).rowcount == 1


def _close(connection: Connection, seq: int, state: State, who: str, why: str) -> bool:
    closed = (
        update(ProposalRow)
        .where(ProposalRow.seq == seq, ProposalRow.state == State.OPEN)
        .values(state=state.value, closed_by=who, closed_why=why)
    )
    return connection.execute(closed).rowcount == 1


def _pointer(row: PointerRow) -> Pointer:
    return Pointer(row.seq, Stage(row.stage), tuple(Arm(*each) for each in row.arms), row.who, row.why, row.at)


def _shadow_order(row: ShadowOrderRow) -> ShadowOrder:
    return ShadowOrder(row.seq, row.release, row.proposal, row.until, row.who, row.why, row.at)


def _newest_shadow(session: Session) -> ShadowOrderRow | None:
    return session.scalars(select(ShadowOrderRow).order_by(ShadowOrderRow.seq.desc()).limit(1)).first()


def _end_shadow(session: Session, *, who: str, why: str, at: datetime, proposal: int | None = None) -> ShadowOrder | None:
    """Of this proposal, or whichever it is."""
    last = _newest_shadow(session)
    if last is None or not _shadow_order(last).running(at) or proposal not in (None, last.proposal):
        return None
    row = ShadowOrderRow(release="", proposal=last.proposal, until=at, who=who, why=why, at=at)
    session.add(row)
    session.flush()
    _note(session, "release.no_shadow", at, who=who, proposal=last.proposal)
    return _shadow_order(row)
