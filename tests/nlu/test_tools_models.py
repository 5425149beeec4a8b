"""Tools that judge models: measuring, what-if, explaining, comparing, clustering."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import nlu
from nlu.model.heads import Matrix
from nlu.model.semantic import SentenceEncoder
from nlu.pack.pack import Pack
from nlu.pack.rasa_yaml import Example
from nlu.tools.clustering import cluster, unsure
from nlu.tools.comparing import compare
from nlu.tools.explaining import explain
from nlu.tools.held_out import ALL_RANKED, Judged, RememberingEncoder, cross_validate, judge
from nlu.tools.held_out_store import held_out
from nlu.tools.measures import measure
from nlu.tools.report_html import html_page
from nlu.tools.report_text import text_report
from nlu.tools.what_if import cost_names, table
from nlu.types import OUT_OF_SCOPE, Act, Decision, RankedIntent, Understanding
from nlu.understanding.classifier import Classifier
from tests.nlu.tools_pack import LINES, write_pack


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture(scope="module")
def pack(root: Path) -> Pack:
    return Pack(root)


@pytest.fixture(scope="module")
def classifier(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    loaded = nlu.load(pack, ["pl"], cache=tmp_path_factory.mktemp("cache"), semantic=False)
    return Classifier(pack, loaded.scorers, ranked=ALL_RANKED)


@pytest.fixture(scope="module")
def judged(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> list[Judged]:
    return cross_validate(pack, "pl", None, tmp_path_factory.mktemp("cache"), count=3)


def verdict(
    meant: str,
    taken: str,
    confidence: float,
    decision: Decision = Decision.ACCEPT,
    act: Act | None = None,
    choices: Sequence[str] = (),
    text: str = "słowa",
) -> Judged:
    """A judgement made up for a test; the rest of the belief is out of scope."""
    ranking = [RankedIntent(taken, confidence)]
    if taken != OUT_OF_SCOPE:
        ranking.append(RankedIntent(OUT_OF_SCOPE, 1 - confidence))
    ranking.sort(key=lambda one: -one.confidence)
    found = Understanding(text, taken, confidence, decision, tuple(ranking), act, tuple(choices))
    return Judged(Example(text, meant, Path("calls.yml"), 7), found)


def test_cross_validation_judges_every_example_once_in_order(pack: Pack, judged: list[Judged]) -> None:
    assert [one.example for one in judged] == pack.training_data("pl").examples
    assert sum(one.right for one in judged) / len(judged) > 0.6


def test_cross_validation_never_trains_on_what_it_judges(tmp_path: Path) -> None:
    """A sentence whose only like is itself cannot be recognised by a model that has not seen it."""
    lines = dict(LINES)
    lines["mortgage"] += "\nqwertyzxcv uiopasdf hjklbnm"
    found = cross_validate(Pack(write_pack(tmp_path, lines)), "pl", None, tmp_path, count=3)
    (odd,) = [one for one in found if one.example.text.startswith("qwerty")]
    assert max(one.confidence for one in odd.found.ranking) < 0.9


def test_folds_of_fewer_than_two_are_refused(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 2 folds"):
        cross_validate(pack, "pl", None, tmp_path, count=1)


def test_a_cross_validation_is_kept_until_data_or_costs_change(root: Path, tmp_path: Path, judged: list[Judged]) -> None:
    first = held_out(Pack(root), "pl", None, tmp_path)
    (kept,) = (tmp_path / "held-out").iterdir()
    assert held_out(Pack(root), "pl", None, tmp_path) == [
        replace(one, found=replace(one.found, ranking=_rounded(one.found.ranking))) for one in first
    ]
    kept.write_text("{", encoding="utf-8")
    assert [one.found.intent for one in held_out(Pack(root), "pl", None, tmp_path)] == [one.found.intent for one in judged]
    (root / "costs.yml").write_text("wrong_queue: 9.5\n", encoding="utf-8")
    try:
        held_out(Pack(root), "pl", None, tmp_path)
    finally:
        (root / "costs.yml").unlink()
    assert len(list((tmp_path / "held-out").iterdir())) == 2


def _rounded(ranking: Sequence[RankedIntent]) -> tuple[RankedIntent, ...]:
    return tuple(RankedIntent(one.intent, round(one.confidence, 6)) for one in ranking)


def test_figures_of_a_report_are_what_was_counted(pack: Pack) -> None:
    found = [
        verdict("balance", "balance", 0.95),
        verdict("balance", "balance", 0.85),
        verdict("mortgage", "balance", 0.75),
        verdict("mortgage", "mortgage", 0.6, Decision.CONFIRM),
        verdict("card_block", "card_block", 0.5, Decision.CHOOSE, choices=("card_block", "balance")),
        verdict("card_block", OUT_OF_SCOPE, 0.9, Decision.REJECT),
        verdict(OUT_OF_SCOPE, OUT_OF_SCOPE, 0.8, Decision.REJECT),
        verdict("affirm", OUT_OF_SCOPE, 1.0, Decision.REJECT, Act.AFFIRM),
    ]
    report = measure(found, pack, "pl", "made up")
    assert report.accuracy == pytest.approx(6 / 8)
    assert report.silently_wrong == pytest.approx(1 / 8)
    assert (report.accepted_right, report.queue_accuracy) == pytest.approx((2 / 3, 2 / 3))
    assert report.emergencies_heard == pytest.approx(1 / 2)
    balance = next(score for score in report.intents if score.intent == "balance")
    assert (balance.precision, balance.recall, balance.f1) == pytest.approx((2 / 3, 1, 0.8))
    assert [(pair.meant, pair.taken) for pair in report.confusions] == [("card_block", OUT_OF_SCOPE), ("mortgage", "balance")]
    assert report.confusions[1].offences[0].place == "calls.yml:7"
    traffic = report.traffic["bank matters"]
    assert (traffic.count, traffic.accept, traffic.reject) == pytest.approx((6, 3 / 6, 1 / 6))
    assert sum(map(sum, report.matrix)) == len(found)
    assert sum(one.count for one in report.bins) == 7  # the act is left out


def test_calibration_error_and_coverage(pack: Pack) -> None:
    sure = [verdict("balance", "balance", 0.95) for _ in range(90)]
    wrong = [verdict("mortgage", "balance", 0.55) for _ in range(10)]
    report = measure([*sure, *wrong], pack, "pl", "made up")
    assert report.calibration_error == pytest.approx(0.9 * 0.05 + 0.1 * 0.55)
    assert report.coverage == pytest.approx(92 / 100)  # 90 right of 92 is 97.8 %, 90 of 93 is less than 97 %
    assert report.coverage_confidence == pytest.approx(0.55)


def test_nothing_judged_cannot_be_measured(pack: Pack) -> None:
    with pytest.raises(ValueError, match="nothing to measure"):
        measure([], pack, "pl", "made up")


class _Page(HTMLParser):
    """Notes what a page fetches, opens and closes."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in {"src", "href"} and value and not value.startswith("#")]
        if tag not in {"meta", "rect", "line", "circle", "polyline"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"rect", "line", "circle", "polyline"}:
            assert self.open.pop() == tag


def test_the_page_is_whole_fetches_nothing_and_escapes_what_callers_said(pack: Pack) -> None:
    found = [verdict("mortgage", "balance", 0.9, text="<script>alert(1)</script> & kredyt"), verdict("balance", "balance", 0.9)]
    page = html_page([measure(found, pack, "pl", "made up")], "Understanding")
    parser = _Page()
    parser.feed(page)
    assert (parser.open, parser.fetched) == ([], [])
    assert "script" not in parser.tags
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; kredyt" in page
    assert {"table", "caption", "svg", "title", "details"} <= set(parser.tags)
    assert "url(" not in page


def test_the_text_report_names_the_offending_sentence(pack: Pack) -> None:
    found = [verdict("mortgage", "balance", 0.9, text="[bold]kredyt"), verdict("balance", "balance", 0.9)]
    written = io.StringIO()
    Console(width=120, file=written).print(text_report(measure(found, pack, "pl", "made up")))
    text = written.getvalue()
    assert "mortgage taken for balance" in text
    assert "[bold]kredyt" in text


def test_the_text_report_fits_eighty_columns(pack: Pack) -> None:
    """With whole words."""
    found = [verdict("card_limits_pin", "balance", 0.9), verdict("document_block", "document_block", 0.9)]
    written = io.StringIO()
    Console(width=80, file=written).print(text_report(measure(found, pack, "pl", "made up")))
    assert "…" not in written.getvalue()
    heads = [line.split() for line in written.getvalue().splitlines() if line.startswith(("intent", "utterances"))]
    assert heads[-1] == ["intent", "lines", "prec.", "recall", "F1", "accept", "confirm", "choice", "again", "wrong"]


def test_dearer_mistakes_accept_no_more_and_the_first_row_is_today(pack: Pack, judged: list[Judged]) -> None:
    rows = {one.name: one for one in table(judged, pack)}
    assert next(iter(rows)) == "costs.yml"
    cheap, dear = rows["wrong_queue=2.25"], rows["wrong_queue=36"]
    assert dear.accepted <= rows["costs.yml"].accepted <= cheap.accepted
    for one in rows.values():
        assert one.accepted + one.confirmed + one.chosen + one.rejected == pytest.approx(1)
        assert one.wrong_queue <= one.silently_wrong <= one.accepted


def test_what_if_charges_the_outcome_at_todays_costs(pack: Pack) -> None:
    found = [verdict("balance", "balance", 0.99), verdict("card_block", "balance", 0.99)]
    rows = {one.name: one for one in table(found, pack)}
    plain = rows["accept from 0.95"]
    assert (plain.accepted, plain.silently_wrong, plain.missed_emergencies) == (1, 0.5, 1)
    assert plain.cost == pytest.approx(1000 * pack.costs.missed_emergency / 2)


def test_wished_costs_are_a_row_of_their_own_and_unknown_ones_are_named(pack: Pack, judged: list[Judged]) -> None:
    rows = table(judged, pack, vary="reject", wished={"confirm": 0.0, "confirm_wrong": 0.0})
    assert rows[1].name == "confirm=0, confirm_wrong=0"
    assert rows[1].confirmed >= rows[0].confirmed
    with pytest.raises(ValueError, match="unknown cost 'kindness'"):
        table(judged, pack, vary="kindness")
    assert "intents" not in cost_names()


def test_an_explanation_shows_what_spoke_for_the_intent(classifier: Classifier) -> None:
    told = explain("yyy ile mam pieniędzy na koncie", classifier, "pl", None)
    assert told.read_as == "ile mam pieniędzy na koncie"
    assert told.first == told.found.intent == "balance"
    assert told.nearest[0].text == "ile mam pieniędzy na koncie"
    assert told.nearest[0].likeness == pytest.approx(1, abs=1e-3)
    assert [one.likeness for one in told.nearest] == sorted((one.likeness for one in told.nearest), reverse=True)
    assert any(one.weight > 0 for one in told.ngrams)
    assert told.options[0].cost == min(one.cost for one in told.options)
    assert told.bands[-1].decision is Decision.ACCEPT


def test_contributions_of_ngrams_add_up_to_the_difference_of_margins(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlu.tools.explaining._SPOKE", 10_000)
    told = explain("karta do konta", classifier, "pl", None)
    scorer = classifier.scorers["pl"]
    margins = dict(zip(scorer.model.classes, scorer.margins("karta do konta") - scorer.model.margin_head.bias, strict=True))
    assert sum(one.weight for one in told.ngrams) == pytest.approx(margins[told.first] - margins[told.second], abs=1e-4)


@pytest.mark.parametrize("text", ["tak", "", "🦊", "nie, o saldo"])
def test_whatever_was_said_can_be_explained(classifier: Classifier, text: str) -> None:
    told = explain(text, classifier, "pl", None)
    assert (told.read_as == "") == (text in {"tak", "", "🦊"})


def test_an_explanation_masks_personal_numbers(classifier: Classifier) -> None:
    assert "44051401359" not in str(explain("mój pesel 44051401359 i saldo", classifier, "pl", None))


def test_a_model_changes_nothing_against_itself(classifier: Classifier, pack: Pack) -> None:
    examples = pack.training_data("pl").examples
    found = compare(examples, classifier, classifier, "pl")
    assert (found.count, found.changes) == (len(examples), ())
    assert found.old_accuracy == found.new_accuracy


def test_a_changed_label_shows_as_broken_or_fixed(classifier: Classifier, root: Path, tmp_path: Path) -> None:
    lines = dict(LINES) | {"balance": LINES["mortgage"], "mortgage": LINES["balance"]}
    swapped = nlu.load(Pack(write_pack(tmp_path / "pack", lines)), ["pl"], cache=tmp_path, semantic=False)
    said = [Example("jakie jest moje saldo", "balance", root, 1), Example("kredyt na budowę domu", "balance", root, 2)]
    found = compare(said, classifier, swapped, "pl")
    assert [(change.example.line, change.verdict) for change in found.changes] == [(1, "broken"), (2, "fixed")]
    unlabelled = [replace(one, intent="") for one in said]
    assert [change.verdict for change in compare(unlabelled, classifier, swapped, "pl").changes] == ["changed", "changed"]


def test_doubtful_utterances_are_gathered_by_what_they_are_about(classifier: Classifier) -> None:
    said = """gdzie jest moja paczka od kuriera|kurier nie przywiózł mojej paczki|paczka od kuriera zaginęła
        |kurier zgubił moją paczkę|wakacje nad morzem w lipcu|wakacje nad morzem z rodziną|tak""".split("|")
    examples = [Example(text.strip(), "", Path("calls.txt"), line) for line, text in enumerate(said, 1)]
    doubtful = unsure(judge(examples, classifier, "pl"), below=1.01)
    assert "tak" not in {one.example.text for one in doubtful}
    vocabulary = classifier.scorers["pl"].model.vocabulary
    clusters = cluster(doubtful, vocabulary, None, "pl")
    assert sum(one.count for one in clusters) == sum(len(one.members) for one in clusters)
    (sea,) = [one for one in clusters if any("morzem" in member.text for member in one.members)]
    assert {member.example.line for member in sea.members} == {5, 6}
    assert set(sea.words) & {"wakacje", "morze", "nad"}


def test_repeated_utterances_are_one_member_counted_twice(classifier: Classifier) -> None:
    examples = [Example("paczka", "", Path("calls.txt"), line) for line in (1, 2)]
    (found,) = cluster(judge(examples, classifier, "pl"), classifier.scorers["pl"].model.vocabulary, None, "pl")
    assert (found.count, [member.count for member in found.members]) == (2, [2])


def test_nothing_doubtful_makes_no_groups(classifier: Classifier) -> None:
    assert cluster([], classifier.scorers["pl"].model.vocabulary, None, "pl") == []


def test_what_is_known_is_not_embedded_again() -> None:
    asked: list[str] = []

    class Counting(SentenceEncoder):
        def __init__(self) -> None:
            """No weights."""

        def encode(self, texts: Sequence[str]) -> Matrix:
            asked.extend(texts)
            return np.array([[len(text)] for text in texts], dtype=np.float32)

    encoder = RememberingEncoder(Counting(), ["karta"], np.array([[50.0]], dtype=np.float32))
    assert encoder.encode(["karta", "saldo", "karta", "limit na"]).tolist() == [[50], [5], [50], [8]]
    assert encoder.encode(["karta"]).tolist() == [[50]]
    assert asked == ["saldo", "limit na"]


def test_a_denial_counts_as_understood_only_when_nothing_denied_is_done_or_offered() -> None:
    from nlu.tools.contrast import understood

    def judged(decision: Decision, intent: str, denied: tuple[str, ...], choices: tuple[str, ...] = ()) -> Judged:
        example = Example("nie chcę zastrzegać", "deny", Path("x.yml"), 1)
        return Judged(example, Understanding("", intent, 1.0, decision, (), choices=choices, denied=denied))

    assert understood(judged(Decision.REJECT, OUT_OF_SCOPE, ("card_block",)))
    assert not understood(judged(Decision.REJECT, OUT_OF_SCOPE, ()))
    assert not understood(judged(Decision.CHOOSE, "balance", ("card_block",), ("balance", "card_block")))
    assert not understood(judged(Decision.ACCEPT, "balance", ("card_block",)))
