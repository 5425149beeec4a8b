"""The checks of a proposal before it may go live, in a process of their own that lets all others go first.

As a program it is that process: `{"settings": …, "proposal": 7}` comes by standard input, what it finds is in the database,
check by check. The models are trained here, never where calls are, and travel with the release.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

import nlu
from dialogs.authoring.prompt_editing import stamp
from dialogs.data.bundle import Bundle, load_bundle
from dialogs.data.errors import BundleError
from dialogs.rehearsal.conversation_test import run_tests
from nlu.errors import NluError
from nlu.model.store import default_cache
from nlu.pack.pack import Pack
from nlu.pack.rasa_yaml import Example
from nlu.tools.comparing import Change, Comparison, compare
from nlu.tools.lint import Level, lint
from nlu.tools.utterances import UNLABELLED
from nlu.types import Decision, Understanding
from nlu.understanding.classifier import Classifier
from voicebot.config.settings import Settings
from voicebot.figures.estimates import BY_CHANCE, mcnemar
from voicebot.logs import configure_logs
from voicebot.prompts.editing import edit_texts
from voicebot.records.engine import open_engine
from voicebot.releases.contents import BUNDLE, MODELS, PACK, read_contents
from voicebot.releases.errors import ReleaseError
from voicebot.releases.store import CHECKS_GONE, Check, Checked, Proposal, Releases
from voicebot.review.lines import Said, as_examples, labelled, spoken

log = structlog.get_logger(__name__)

PROGRAM = (sys.executable, "-m", "voicebot.releases.checking")
PROGRESS = "progress"
"""The check that is none: what is being done."""
UNNAMED = "-"
"""Stands for the approver until there is one."""
_NICE = 15
_LAST_DAYS = timedelta(days=7)
_MOST_SHOWN = 50
_TELL_EVERY_S = 1.0
_LIVE_EVERY_S = CHECKS_GONE.total_seconds() / 6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A proposal as it would be live, beside what is live."""

    bundle: Bundle
    old_bundle: Bundle
    new: Classifier
    old: Classifier


@dataclass(slots=True)
class Checks:
    """One run of all checks."""

    releases: Releases
    engine: Engine
    settings: Settings
    proposal: Proposal
    folder: Path
    """For the files of both releases, empty; of this run only."""
    run_id: str
    """Which run it is (`Releases.take_for_checks`)."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    failed: list[str] = field(default_factory=list)
    _told_at: float = 0.0

    def run(self) -> bool:
        """Do them all; whether all passed. A check that cannot be done has failed, and says why."""
        final: str | None = None
        try:
            final = self._run()
        except (ReleaseError, BundleError, NluError, OSError) as error:
            self._found("loads", ok=False, why=str(error))
        passed = final is not None and not self.failed
        ended = self.releases.checks_end(self.proposal.seq, self.run_id, Checked.PASSED if passed else Checked.FAILED, final)
        return passed and ended

    def _run(self) -> str | None:
        old_folder, new_folder = self.folder / "old", self.folder / "new"
        for release, folder in ((self.proposal.base, old_folder), (self.proposal.contents, new_folder)):
            contents = self.releases.contents(release)
            if contents is None:
                raise ReleaseError(f"release {release[:12]} is not in the database", "unknown_release", release=release[:12])
            self.releases.write(contents, folder)
        old_bundle = load_bundle(old_folder / BUNDLE)
        day = old_bundle.calendar.local(self.clock()).date()
        new_root, before = new_folder / BUNDLE, old_bundle.prompts.files
        edit_texts(new_root, lambda: stamp(new_root, before, author=UNNAMED, approver=UNNAMED, day=day))
        self._doing("loads", 0.0)
        bundle = load_bundle(new_root)
        self._found("loads", ok=True, warnings=[str(each) for each in bundle.warnings][:_MOST_SHOWN])
        pack = Pack(new_folder / PACK)
        self._lint(pack, bundle)
        languages = bundle.prompts.languages
        models = new_folder / MODELS
        began = self.clock()
        new = self._trained(pack, languages, models, "models")
        self._found("models", ok=True, seconds=round((self.clock() - began).total_seconds()))
        cache = self.settings.nlu.cache_dir or default_cache()
        old = self._trained(Pack(old_folder / PACK), languages, cache, "models_live")
        candidate = Candidate(bundle, old_bundle, new, old)
        self._conversations(candidate)
        self._compared(candidate)
        contents, where = read_contents({BUNDLE: new_folder / BUNDLE, PACK: new_folder / PACK, MODELS: models})
        return self.releases.put(contents, where, self.clock())

    def _trained(self, pack: Pack, languages: Sequence[str], cache: Path, step: str) -> Classifier:
        return nlu.load(
            pack,
            languages,
            cache=cache,
            semantic=self.settings.nlu.semantic,
            progress=lambda share, _doing: self._doing(step, share),
        )

    def _lint(self, pack: Pack, bundle: Bundle) -> None:
        errors, warnings = [], 0
        for language in bundle.prompts.languages:
            for complaint in lint(pack, language, partial(self._linting, language)):
                if complaint.level is Level.ERROR:
                    place = f"{complaint.path.relative_to(pack.root)}:{complaint.line or ''}"
                    errors.append(f"{place} {complaint.what}. {complaint.fix}")
                else:
                    warnings += 1
        self._found("lint", ok=not errors, errors=errors[:_MOST_SHOWN], warnings=warnings)

    def _linting(self, language: str, share: float, _what: str) -> None:
        self._doing("lint", share, language)

    def _conversations(self, candidate: Candidate) -> None:
        """Tests that pass with what is live must pass; one that is new must pass, too. Those that fail today are shown."""
        self._doing("conversations", 0.0)
        report = run_tests(candidate.bundle, candidate.new)
        failing_today: set[str] = set()
        if report.failed:
            self._doing("conversations_live", 0.5)
            failing_today = {each.name for each in run_tests(candidate.old_bundle, candidate.old).failed}
        newly = [each for each in report.failed if each.name not in failing_today]
        failures = [f"{each.name} ({each.file}:{each.line}): {each.failures[0]}" for each in newly]
        told = {"tests": len(report.results), "failed": len(report.failed), "failures": failures[:_MOST_SHOWN]}
        self._found("conversations", ok=not newly, **told)

    def _compared(self, candidate: Candidate) -> None:
        """Old and new on the kept-apart labels and on last week's lines; no emergency may be lost in either."""
        languages = candidate.bundle.prompts.languages
        fixed = broken = count = 0
        kept_apart: list[dict[str, Any]] = []
        lost: list[dict[str, Any]] = []
        for language, lines in as_examples(labelled(self.engine, sample=True), languages).items():
            found = self._compare(lines, candidate, language, "kept_apart")
            verdicts = Counter(change.verdict for change in found.changes)
            fixed, broken, count = fixed + verdicts["fixed"], broken + verdicts["broken"], count + found.count
            kept_apart += [_told(change) for change in found.changes if change.verdict == "broken"]
            lost += _lost(found.changes, candidate)
        chance = mcnemar(fixed, broken)
        worse = broken > fixed and chance < BY_CHANCE
        told = {"lines": count, "fixed": fixed, "broken": broken, "chance": round(chance, 3), "changes": kept_apart[:_MOST_SHOWN]}
        self._found("kept_apart", ok=not worse, **told)
        changes: list[dict[str, Any]] = []
        lately = [said for said in spoken(self.engine, self.clock()) if said.last >= self.clock() - _LAST_DAYS]
        count = changed = 0
        for language, lines in as_examples(lately, languages).items():
            found = self._compare(lines, candidate, language, "last_week")
            count, changed = count + found.count, changed + len(found.changes)
            changes += [_told(change) for change in found.changes]
            lost += _lost(found.changes, candidate)
        self._found("last_week", ok=None, lines=count, changed=changed, changes=changes[:_MOST_SHOWN])
        self._found("emergencies", ok=not lost, lost=lost[:_MOST_SHOWN])

    def _compare(self, lines: Sequence[tuple[Said, Example]], candidate: Candidate, language: str, step: str) -> Comparison:
        examples = [example for _, example in lines]
        return compare(examples, candidate.old, candidate.new, language, lambda share, _model: self._doing(step, share, language))

    # ------------------------------------------------------------------ what is told

    def _found(self, name: str, *, ok: bool | None, **told: Any) -> None:
        if ok is False:
            self.failed.append(name)
        self.releases.keep_check(self.proposal.seq, self.run_id, Check(name, ok, told, self.clock()))

    def _doing(self, step: str, share: float, language: str = "") -> None:
        """`step` is named by the text "releases.step_…"."""
        if time.monotonic() < self._told_at + _TELL_EVERY_S:
            return
        self._told_at = time.monotonic()
        told = {"step": step, "language": language, "share": round(share, 2)}
        self.releases.keep_check(self.proposal.seq, self.run_id, Check(PROGRESS, None, told, self.clock()))


def _lost(changes: Sequence[Change], candidate: Candidate) -> Iterator[dict[str, Any]]:
    """An emergency that is heard today and would not be any more; where a person said what it was, that counts."""
    for change in changes:
        label = change.example.intent
        meant = label == UNLABELLED or candidate.bundle.routes.is_emergency(label)
        heard = candidate.old_bundle.routes.is_emergency(change.old.intent) and change.old.decision is not Decision.REJECT
        still = candidate.bundle.routes.is_emergency(change.new.intent) and change.new.decision is not Decision.REJECT
        if meant and heard and not still:
            yield _told(change)


def _told(change: Change) -> dict[str, Any]:
    """Without the words: they stand in the call, and go with it."""
    label, line = change.example.intent, change.example
    place = {"call_id": line.path.name, "position": line.line}
    return {**place, "label": "" if label == UNLABELLED else label, "old": _decided(change.old), "new": _decided(change.new)}


def _decided(found: Understanding) -> str:
    return f"{found.decision.value} {found.intent or ''}".strip()


# ---------------------------------------------------------------------- the process


async def check_apart(settings: Settings, releases: Releases, proposal: int) -> None:
    """Run the checks of a proposal in a process of their own, and wait for its end. What it finds is in the database; when the
    process itself dies, the checks have failed.
    """
    child = await asyncio.create_subprocess_exec(*PROGRAM, stdin=asyncio.subprocess.PIPE, start_new_session=True)
    run = secrets.token_hex(16)
    orders = json.dumps({"settings": json.loads(settings.as_json()), "proposal": proposal, "run": run})
    try:
        await child.communicate(orders.encode())
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
        if child.returncode:
            log.error("the checks of a proposal ended without a result", code=ReleaseError.code, proposal=proposal)
            await asyncio.to_thread(releases.checks_end, proposal, run, Checked.FAILED)


def _main() -> int:
    os.nice(_NICE)
    orders: Any = json.load(sys.stdin)
    settings = Settings.model_validate_json(json.dumps(orders["settings"]))
    configure_logs(level=settings.log.level, format=settings.log.format)
    engine = open_engine(settings.database_url)
    releases, seq, run = Releases(engine), int(orders["proposal"]), str(orders["run"])
    proposal = releases.proposal(seq)
    if proposal is None or not releases.take_for_checks(seq, run):
        return 0
    threading.Thread(target=_live, args=(releases, seq, run), name="lease", daemon=True).start()
    try:
        with tempfile.TemporaryDirectory(prefix="voicebot-checks-") as name:
            passed = Checks(releases, engine, settings, proposal, Path(name), run).run()
    except BaseException as error:
        releases.keep_check(
            seq, run, Check("loads", False, {"why": f"the checks broke: {type(error).__name__}"}, datetime.now(UTC))
        )
        releases.checks_end(seq, run, Checked.FAILED)
        raise
    log.info("a proposal is checked", proposal=seq, passed=passed)
    return 0


def _live(releases: Releases, seq: int, run: str) -> None:
    """Say that the run is there, until another takes its place: then this one stood still for long, and has nothing to tell."""
    while True:
        time.sleep(_LIVE_EVERY_S)
        with suppress(SQLAlchemyError):  # a database that is away may be back in time
            if not releases.checks_live(seq, run):
                log.warning("another run has taken the place of these checks", code=ReleaseError.code, proposal=seq)
                return


if __name__ == "__main__":
    sys.exit(_main())
