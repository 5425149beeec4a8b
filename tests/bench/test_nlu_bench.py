"""Figures of the classifier's benchmark on answers whose figures are known, and what it says when the data are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.nlu import main
from bench.nlu_callers import Line, first_matter, summarise
from bench.nlu_measures import accepted_and_right, auroc, calibration_error, macro_f1
from bench.nlu_tasks import MissingData, read_tsv
from nlu.pack.pack import Pack
from nlu.types import Decision, RankedIntent, Understanding


def test_macro_f1_counts_a_rare_label_as_much_as_a_common_one() -> None:
    assert macro_f1(["a", "a", "a", "b"], ["a", "a", "a", "a"]) == pytest.approx((6 / 7 + 0) / 2)


def test_auroc_agrees_with_scikit_learn_ties_and_all() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(1)
    inside, outside = rng.integers(2, 9, 200).astype(float), rng.integers(0, 6, 300).astype(float)
    expected = roc_auc_score(np.repeat([1, 0], [200, 300]), np.concatenate([inside, outside]))
    assert auroc(inside, outside) == pytest.approx(expected)


def test_accepted_and_right_lets_in_one_outsider_of_twenty() -> None:
    outside = np.arange(20.0)
    inside = np.array([30.0, 30.0, 18.5, 1.0])
    assert accepted_and_right(inside, np.array([True, False, True, True]), outside) == 0.5


def test_calibration_error_is_the_distance_of_confidence_from_truth() -> None:
    assert calibration_error(np.full(10, 0.85), np.array([True] * 6 + [False] * 4)) == pytest.approx(0.25)


def test_figures_of_callers_lines() -> None:
    lines = [
        Line("zgubiłam kartę i saldo", "card_block", "balance"),
        Line("hipoteka", "mortgage", ""),
        Line("pizza", "out_of_scope", ""),
    ]
    found = [
        Understanding("", "balance", 0.8, Decision.ACCEPT, (RankedIntent("balance", 0.8), RankedIntent("card_block", 0.2))),
        Understanding("", "transfer", 0.6, Decision.REJECT, (RankedIntent("out_of_scope", 0.4), RankedIntent("transfer", 0.6))),
        Understanding("", "transfer", 0.6, Decision.CONFIRM, (RankedIntent("transfer", 0.6),)),
    ]
    figures = summarise("pl", lines, found, 1.0, [1.0, 2.0, 3.0], Pack())
    assert (figures.right_first, figures.right_queue, figures.rejected) == (0.5, 1.0, 0.5)
    assert (figures.outside_not_accepted, figures.emergencies) == (1.0, 0.0)


def test_the_first_matter_is_no_act_and_not_out_of_scope() -> None:
    assert first_matter(["out_of_scope", "affirm", "balance"]) == "balance"
    assert first_matter(["out_of_scope"]) == ""


def test_missing_data_say_what_to_give(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--only", "clinc150", "--without-embeddings"]) == 2
    assert "DATA=" in capsys.readouterr().out
    (tmp_path / "odd.tsv").write_text("said\tintent\nx\ty\n", encoding="utf-8")
    with pytest.raises(MissingData, match="no column 'text'"):
        read_tsv(tmp_path / "odd.tsv")


def test_an_unknown_data_set_lists_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere", "--only", "atis"]) == 2
    assert "massive-pl" in capsys.readouterr().out


def test_a_data_set_is_trained_and_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tiny one in the place of BANKING77: the table and its bar come out, with figures of its own lines."""
    folder = tmp_path / "banking77"
    folder.mkdir()
    said = {"card": "lost my card", "loan": "want a loan", "rate": "exchange rate today"}
    extra = ["please", "now", "hello", "thanks", "madam", "sir", "urgently", "again"]
    lines = [f"{word} {text}\t{intent}" for intent, text in said.items() for word in extra]
    (folder / "train.tsv").write_text("text\tintent\n" + "\n".join(lines), encoding="utf-8")
    (folder / "test.tsv").write_text("text\tintent\nlost card\tcard\na loan\tloan\nexchange rate\tloan\n", encoding="utf-8")
    assert main([str(tmp_path), "--only", "banking77", "--without-embeddings"]) == 0
    printed = capsys.readouterr().out
    assert "66.7" in printed
    assert "MISSED banking77 accuracy" in printed
