"""Review: one line after another, labelled by keys or by forms; labels are kept at once, the last ten can be taken back."""

from __future__ import annotations

import asyncio
from collections import ChainMap
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from starlette.responses import Response

from nlu.errors import PackError
from nlu.pack.pack import BANK_PACK, Pack
from voicebot.accounts.roles import Role
from voicebot.console.listening import REASONS, Answer, Listening
from voicebot.console.pages.one_call import InTheQueue, Shown, in_the_queue, shown_lines
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Form, Pages, View, whole_number
from voicebot.health.kept import Kept
from voicebot.outcomes.store import Outcomes
from voicebot.releases.errors import ReleaseError
from voicebot.review.measures import agreement as agreement_of
from voicebot.review.misrouted import Misrouted
from voicebot.review.queues import NEWEST, Queue, ReviewLine
from voicebot.review.store import NOT_UNDERSTANDABLE, OUT_OF_SCOPE, Label, Review
from voicebot.review.studies import DRAFT, LABELS
from voicebot.review.why import why_known
from voicebot.talk import words_of_record

TUNERS = frozenset({Role.TUNER})
_MONTH = timedelta(days=30)
_FEWEST_FOR_KAPPA = 0.7
_AGREED_S = 20.0
"""How well people agree in a month is not counted more often."""
_MOST_SKIPPED = 50
_AT_ONCE = 2
"""The queues are counted on so many connections to the database."""
_TOLD = {Answer.ALLOWED: "call.written_down", Answer.NO_REASON: "call.no_reason", Answer.NO_AUDIT: "call.no_audit"}
_STATUS = {Answer.ALLOWED: 200, Answer.NO_REASON: 422, Answer.NO_AUDIT: 503}
_USUAL = ("card_block", "transfer", "login_help", "account_open", "complaint")


def pages(parts: ConsoleParts) -> Pages:
    """The queues, the line, the label, undo."""
    found = Pages()
    misrouted = Misrouted(parts.engine, lambda: parts.bundle().routes)
    review, listening = Review(parts.engine, misrouted=misrouted, clock=parts.clock), Listening(parts)
    pack, outcomes = Pack(parts.settings.nlu.pack or BANK_PACK), Outcomes(parts.engine)

    def known_matters() -> list[str]:
        return sorted(parts.bundle().routes.matters)

    @found.get("/review", roles=TUNERS, nav="nav.review", order=30)
    async def queues(view: View) -> Response:
        who, now = view.user.name, parts.clock()
        counts, agreement, latest, sample = await asyncio.gather(
            counted(who),
            agreed(),
            asyncio.to_thread(review.latest, who),
            asyncio.to_thread(review.sample),
        )
        weak = agreement.value is not None and agreement.value < _FEWEST_FOR_KAPPA
        return view.show(
            "review.html",
            studies=[await asyncio.to_thread(parts.studies.studies.of, name, now) for name in (DRAFT, LABELS)],
            counts=counts,
            sample=sample,
            newest=NEWEST,
            agreement=agreement,
            weak=weak,
            latest=latest,
        )

    agreed = Kept(lambda: asyncio.to_thread(agreement_of, parts.engine, parts.clock() - _MONTH), _AGREED_S)

    async def counted(who: str) -> dict[Queue, int]:
        some = (asyncio.to_thread(review.counts, who, list(Queue)[nth::_AT_ONCE]) for nth in range(_AT_ONCE))
        counts = ChainMap(*await asyncio.gather(*some))
        return {queue: counts[queue] for queue in Queue}

    @found.get("/review/{queue}", roles=TUNERS)
    async def line(view: View) -> Response:
        return await show(view, _queue(view))

    async def show(
        view: View, queue: Queue | None, *, said: str = "", status: int = 200, again: tuple[str, int] | None = None
    ) -> Response:
        if queue is None:
            return view.show("problem.html", status=404, what="not_found")
        skipped, who = _skipped(view), view.user.name
        card = await asyncio.to_thread(review.take, queue, who, skipped=skipped, start=_at(view), again=again)
        line = card.line
        latest = await asyncio.to_thread(review.latest, who)
        said_in_call, became_of = await beside(view, line) if line is not None and not line.blind else ([], None)
        return view.show(
            "review_line.html",
            status=status,
            queue=queue.value,
            line=line,
            turns_said=said_in_call,
            became_of=became_of,
            sample=await asyncio.to_thread(review.sample) if line is None else None,
            said=said,
            choices=_choices(line, known_matters()) if line is not None else (),
            why=await asyncio.to_thread(why_known, line.understanding, pack) if line is not None and not line.blind else None,
            recorded=line is not None and await asyncio.to_thread(_recorded, line),
            listening=line is not None and await listening.allowed(view, line.call_id),
            reasons=REASONS,
            at=card.at,
            waiting=card.waiting,
            latest=latest[:1],
            matters=known_matters(),
            keys=_field(view, "keys") != "off",
            skipped=" ".join(f"{call_id}:{position}" for call_id, position in skipped),
        )

    async def beside(view: View, line: ReviewLine) -> tuple[list[Shown], InTheQueue | None]:
        """The call of the line, which is read by that: it stands in the trail as one that was opened."""
        record = await parts.stores.records.call(line.call_id)
        if record is None:
            return [], None
        await parts.audit.note("call.read", who=view.user.name, call=line.call_id)
        words = words_of_record(parts.bundle(), line.started)
        turns = await asyncio.to_thread(shown_lines, record, words, view.named, pack)
        return turns, await asyncio.to_thread(in_the_queue, outcomes, record.summary, parts.bundle().routes)

    @found.post("/review/{queue}", roles=TUNERS)
    async def act(view: View) -> Response:
        queue = _queue(view)
        if queue is None:
            return await show(view, None)
        form = view.form
        match form.get("do"):
            case "undo":
                back = await asyncio.to_thread(review.undo, view.user.name, whole_number(form.get("seq")))
                return await show(view, queue, said=view.t("review.undone", text=back.text) if back is not None else "")
            case "later":
                return await show(view, queue, said=view.t("review.put_off"))
            case "next" | "back":
                return await show(view, queue)
            case "listen":
                place = (form.get("call_id"), whole_number(form.get("position")))
                answer = await listening.ask(view, place[0], form.get("reason"))
                return await show(view, queue, said=view.t(_TOLD[answer]), status=_STATUS[answer], again=place)
        return await keep(view, queue, form)

    async def keep(view: View, queue: Queue, form: Form) -> Response:
        wanted = form.get("label") or _meant(form.get("other"), known_matters())
        place = (form.get("call_id"), whole_number(form.get("position")))
        if wanted not in {*known_matters(), OUT_OF_SCOPE, NOT_UNDERSTANDABLE}:
            return await show(view, queue, said=view.t("review.no_matter"), status=422)
        kept = await asyncio.to_thread(review.label, place, wanted, who=view.user.name, queue=queue)
        if kept is None:
            return await show(view, queue, said=view.t("review.gone"), status=404)
        said = view.t("review.kept", text=kept.text, label=kept.label)
        if "teach" in form and wanted != NOT_UNDERSTANDABLE:
            said += " " + await teach(view, kept)
        return await show(view, queue, said=said)

    def taught(kept: Label, who: str) -> Path:
        with parts.drafts.change(who, f"{kept.label}: {kept.text}"):
            return parts.draft.teach(kept.text, kept.label, kept.language)

    async def teach(view: View, kept: Label) -> str:
        if not await asyncio.to_thread(review.may_teach, kept.text):
            return view.t("review.sample_never")
        try:
            file = await asyncio.to_thread(taught, kept, view.user.name)
        except (PackError, ReleaseError, OSError) as error:
            return view.t("review.not_taught", why=view.told(error))
        await asyncio.to_thread(review.taught, kept)
        parts.studies.soon(DRAFT, view.user.name)
        await parts.audit.note("review.taught", who=view.user.name, matter=kept.label, file=file.name)
        return view.t("review.taught", file=file.name)

    return found


def _queue(view: View) -> Queue | None:
    name = view.path["queue"]
    return Queue(name) if name in set(Queue) else None


def _at(view: View) -> int:
    """The number of the line in the queue, from 0: where the person was, or one on or back."""
    step = {"next": 1, "back": -1}.get(view.form.get("do"), 0)
    return max(0, whole_number(_field(view, "at")) + step)


def _meant(written: str, known: Sequence[str]) -> str:
    """The matter of which a few letters were written, where they are the beginning of one, or stand in one alone."""
    if not written:
        return ""
    for begins in (True, False):
        found = [each for each in known if (each.startswith(written) if begins else written in each)]
        if written in found or len(found) == 1:
            return written if written in found else found[0]
    return written


def _recorded(line: ReviewLine) -> bool:
    return line.recording is not None and Path(line.recording).is_file()


def _field(view: View, name: str) -> str:
    """What travels with every form and link of the card."""
    return view.form.get(name) or view.query.get(name, "")


def _skipped(view: View) -> list[tuple[str, int]]:
    """Lines put off in this sitting."""
    put_off = _field(view, "skipped").split()
    if view.form.get("do") == "later":
        put_off.append(f"{view.form.get('call_id')}:{view.form.get('position')}")
    found = []
    for each in put_off[-_MOST_SKIPPED:]:
        call_id, _, position = each.rpartition(":")
        found.append((call_id, whole_number(position)))
    return found


def _choices(line: ReviewLine, known: Sequence[str]) -> list[tuple[str, float | None]]:
    """Five matters under the keys 1 to 5: the model's best, but for the sample, where they would lead the hand."""
    ranked: list[tuple[str, float | None]] = [(name, score) for name, score in line.ranking if name in known]
    ranked += [(name, None) for name in _USUAL if name in known and name not in {each for each, _ in ranked}]
    return ranked[:5]
