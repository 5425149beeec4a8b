"""Tools that read and change training data: likeness, lint, label errors, editing, splitting, files of utterances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.errors import PackError
from nlu.pack.pack import Pack
from nlu.pack.rasa_yaml import Example, read_file
from nlu.tools.editing import add_example, without_examples
from nlu.tools.label_errors import confident_disagreements, find_label_errors
from nlu.tools.likeness import Kind, near_pairs
from nlu.tools.lint import Complaint, Level, lint
from nlu.tools.splitting import choose_test, split_pack
from nlu.tools.utterances import read_labelled, read_utterances
from tests.nlu.tools_pack import LINES, write_pack

ALIKE = [
    ("chcę zablokować kartę do konta", "chcę zablokować kartę do rachunku", Kind.WORD),
    ("chcę dziś zablokować kartę do konta", "chcę zablokować kartę do konta", Kind.WORD),
    ("chcę sprawdzić saldo", "saldo chcę sprawdzić", Kind.SAME),
    ("chcę sprawdzić saldo", "chce sprawdzic saldo", Kind.SAME),
    ("zastrzeżenie zgubionej karty", "zastrzeżenia zgubionej karty", Kind.LETTERS),
]


@pytest.mark.parametrize(("one", "other", "kind"), ALIKE)
def test_sentences_alike_but_for_a_word_or_letters_are_found(one: str, other: str, kind: Kind) -> None:
    (pair,) = near_pairs([one, "jaka jest dziś pogoda w gdańsku", other])
    assert (pair.first, pair.second, pair.kind) == (0, 2, kind)


@pytest.mark.parametrize(("one", "other"), [("zgubiona karta", "złamana karta"), ("ile mam na koncie", "co mam na obiad")])
def test_short_sentences_of_different_meaning_are_not_alike(one: str, other: str) -> None:
    assert near_pairs([one, other]) == []


@given(st.lists(st.lists(st.sampled_from("ala ma kota psa dom bank konto karta".split()), min_size=1, max_size=8), max_size=12))
def test_every_pair_that_differs_in_one_word_is_found_or_linked(sentences: list[list[str]]) -> None:
    """Signatures must find what comparing all pairs finds, at least through a third sentence."""
    texts = [" ".join(words) for words in sentences]
    linked = list(range(len(texts)))
    for pair in near_pairs(texts):
        old, new = linked[pair.second], linked[pair.first]
        linked = [new if one == old else one for one in linked]
    for i, first in enumerate(sentences):
        for j in range(i):
            second = sentences[j]
            if len(first) == len(second) >= 5 and sum(a != b for a, b in zip(first, second, strict=True)) == 1:
                assert linked[i] == linked[j]


def test_confident_learning_names_the_class_an_example_belongs_to() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.05, 0.95]])
    labels = np.array([0, 0, 1, 1, 0], dtype=np.intp)
    assert confident_disagreements(probabilities, labels) == [(4, 1)]


def test_an_unsure_disagreement_is_no_label_error() -> None:
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.45, 0.55]])
    assert confident_disagreements(probabilities, np.array([0, 1, 0], dtype=np.intp)) == []


def test_a_line_under_the_wrong_intent_is_the_likeliest_label_error(tmp_path: Path) -> None:
    lines = dict(LINES)
    lines["balance"] += "\nproszę zablokować zgubioną kartę"
    examples = Pack(write_pack(tmp_path, lines)).training_data("pl").examples
    suspect = find_label_errors(examples, "pl")[0]
    assert (suspect.example.text, suspect.example.intent) == ("proszę zablokować zgubioną kartę", "balance")
    assert suspect.suggestion == "card_block"


def complaints_of(root: Path) -> dict[str, list[Complaint]]:
    found: dict[str, list[Complaint]] = {}
    for one in lint(Pack(root), "pl"):
        found.setdefault(one.rule, []).append(one)
    return found


def test_a_good_pack_has_no_errors(tmp_path: Path) -> None:
    assert [one for one in lint(Pack(write_pack(tmp_path)), "pl") if one.level is Level.ERROR] == []


FAULTS = [
    ("balance", "saldo konta [oszczędnościowego(product)", "mark-up", Level.ERROR, "broken entity mark-up"),
    ("balance", "mój pesel 44051401359 a saldo", "personal-data", Level.ERROR, "<pesel>"),
    ("balance", "zgubiłam kartę w tramwaju", "contradiction", Level.ERROR, "card_block"),
    ("balance", "saldo proszę podać rachunku", "near-duplicate", Level.WARNING, "the same"),
    ("card_block", "chcę zastrzec kartę bo wypadła mi z plecaka", "near-duplicate", Level.WARNING, "but for a word"),
    ("balance", "what is the balance of my account please", "language", Level.WARNING, "'en'"),
    ("balance", "saldo " * 80, "too-long", Level.WARNING, "80 words"),
]


@pytest.mark.parametrize(("intent", "line", "rule", "level", "what"), FAULTS)
def test_lint_finds_a_fault_and_says_where(tmp_path: Path, intent: str, line: str, rule: str, level: Level, what: str) -> None:
    lines = dict(LINES)
    lines[intent] += f"\n{line}"
    found = complaints_of(write_pack(tmp_path, lines))[rule]
    names = {one.path.name for one in found}
    assert any(what in one.what and one.level is level for one in found), found
    assert names & {f"{intent}.yml", "card_block.yml"}
    assert all(one.line and one.fix for one in found)


def test_lint_never_prints_the_personal_number_it_found(tmp_path: Path) -> None:
    lines = dict(LINES)
    lines["balance"] += "\nmój pesel 44051401359 a saldo"
    assert "44051401359" not in "\n".join(map(str, lint(Pack(write_pack(tmp_path, lines)), "pl")))


def test_lint_goes_on_after_a_broken_file(tmp_path: Path) -> None:
    root = write_pack(tmp_path)
    (root / "pl" / "broken.yml").write_text("nlu:\n  - intent: balance\n   examples: |\n", encoding="utf-8")
    (root / "pl" / "unknown.yml").write_text(
        'version: "3.1"\nnlu:\n  - intent: pizza\n    examples: |\n      - z szynką\n', encoding="utf-8"
    )
    (root / "costs.yml").write_text("wrong_queue: dear\n", encoding="utf-8")
    found = complaints_of(root)
    assert {one.path.name for one in found["file"]} == {"broken.yml", "costs.yml"}
    assert [(one.path.name, one.line) for one in found["label"]] == [("unknown.yml", 5)]
    assert "thin" in found


def test_lint_tells_thin_missing_and_lopsided_intents(tmp_path: Path) -> None:
    lines = {name: text for name, text in LINES.items() if name != "mortgage"}
    words = "konto rachunek środki pieniądze kasa gotówka suma kwota wypłata pensja zasiłek emerytura".split()
    lines["balance"] = "\n".join(f"{a} {b} {c}" for a in words[:6] for b in words[6:] for c in words if len({a, b, c}) == 3)
    found = complaints_of(write_pack(tmp_path, lines))
    assert [one.what.split()[0] for one in found["missing"]] == ["mortgage"]
    assert {one.what.split()[0] for one in found["thin"]} == {"card_block", "out_of_scope"}
    assert [one.what.split()[0] for one in found["lopsided"]] == ["balance"]


LAYOUT = """\
version: "3.1"
# the pack of a small bank
nlu:
  # how people ask for money
  - intent: balance   # ask Anna before changing
    examples: |
      - ile mam na koncie
      - moje [saldo](product)
  # what follows is urgent

  - intent: card_block
    examples:
      - text: zgubiłam kartę
        metadata: {from: calls}
      # a comment between
      - text: karta przepadła
  - synonym: "saldo"
    examples: |
      - stan konta
"""


@pytest.mark.parametrize(
    ("intent", "added"), [("balance", "      - ile mi zostało"), ("card_block", "      - text: ile mi zostało")]
)
def test_adding_an_example_adds_one_line_and_changes_no_other(tmp_path: Path, intent: str, added: str) -> None:
    path = tmp_path / "all.yml"
    path.write_text(LAYOUT, encoding="utf-8")
    assert add_example(tmp_path, intent, "  ile mi\n zostało ") == path
    after = path.read_text(encoding="utf-8").splitlines()
    assert added in after
    after.remove(added)
    assert after == LAYOUT.splitlines()
    assert [(one.intent, one.text) for one in read_file(path).examples if one.text == "ile mi zostało"] == [
        (intent, "ile mi zostało")
    ]


def test_an_intent_without_a_file_gets_one(tmp_path: Path) -> None:
    path = add_example(tmp_path, "mortgage", "kredyt na dom")
    assert path.name == "mortgage.yml"
    assert [(one.intent, one.text) for one in read_file(path).examples] == [("mortgage", "kredyt na dom")]


@pytest.mark.parametrize("text", ["", "   ", "moje [saldo](product)"])
def test_what_cannot_be_an_example_is_refused_and_nothing_is_written(tmp_path: Path, text: str) -> None:
    with pytest.raises(PackError, match="cannot be an example"):
        add_example(tmp_path, "balance", text)
    assert list(tmp_path.iterdir()) == []


def test_taking_examples_out_keeps_comments_and_gives_them_back_with_mark_up(tmp_path: Path) -> None:
    path = tmp_path / "all.yml"
    path.write_text(LAYOUT, encoding="utf-8")
    text, taken = without_examples(path, {8, 13})
    assert [(one.intent, one.marked) for one in taken] == [("balance", "moje [saldo](product)"), ("card_block", "zgubiłam kartę")]
    for kept in ("# the pack of a small bank", "# ask Anna before changing", "# what follows is urgent", "- stan konta"):
        assert kept in text
    path.write_text(text, encoding="utf-8")
    assert [one.text for one in read_file(path).examples] == ["ile mam na koncie", "karta przepadła"]


def test_a_split_holds_out_a_share_of_each_label_and_loses_nothing(tmp_path: Path) -> None:
    pack = Pack(write_pack(tmp_path / "pack"))
    done = split_pack(pack, "pl", tmp_path / "out", share=0.25)
    trained, tested = Pack(done.train).training_data("pl").examples, read_file(done.test).examples
    assert (len(trained), len(tested)) == (done.kept, done.held_out) == (36, 12)
    assert {one.intent for one in tested} == {one.intent for one in trained} == set(LINES)
    assert sorted(one.text for one in (*trained, *tested)) == sorted(one.text for one in pack.training_data("pl").examples)
    assert "# how balance is said" in (done.train / "pl" / "balance.yml").read_text(encoding="utf-8")


def test_near_duplicates_are_never_on_both_sides_of_a_split() -> None:
    texts = [f"chcę zablokować {word} kartę do konta w banku" for word in "moją tę swoją naszą jego jej".split()] * 2
    examples = [
        Example(text, "card_block", Path("x.yml"), line) for line, text in enumerate((*texts, "saldo", "stan rachunku"), 1)
    ]
    chosen = choose_test(examples, "pl", 0.5, seed=1)
    assert set(chosen) <= {len(texts), len(texts) + 1}


def test_the_same_seed_splits_alike_and_a_second_split_is_refused(tmp_path: Path) -> None:
    pack = Pack(write_pack(tmp_path / "pack"))
    one, two = (split_pack(pack, "pl", tmp_path / name, seed=3) for name in "ab")
    assert one.test.read_text(encoding="utf-8") == two.test.read_text(encoding="utf-8")
    with pytest.raises(PackError, match="is there already"):
        split_pack(pack, "pl", tmp_path / "a")


def test_utterances_are_read_from_lines_json_lines_and_yaml(tmp_path: Path) -> None:
    files = {
        "calls.txt": "saldo\n\n zgubiłam kartę \n",
        "calls.jsonl": '{"text": "saldo", "intent": "balance"}\n{"text": "zgubiłam kartę"}\n{"text": " "}\n',
        "calls.yml": 'version: "3.1"\nnlu:\n  - intent: balance\n    examples: |\n      - saldo\n      - zgubiłam kartę\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert [one.text for one in read_utterances(tmp_path / name)] == ["saldo", "zgubiłam kartę"]
    assert [one.line for one in read_utterances(tmp_path / "calls.txt")] == [1, 3]


@pytest.mark.parametrize(
    ("name", "text", "line", "what"),
    [
        ("calls.jsonl", '{"text": "saldo"}\nsaldo\n', 2, "not a JSON object"),
        ("calls.jsonl", '{"text": 7}\n', 1, "must be strings"),
        ("calls.txt", "saldo\n", 1, "has no label"),
        ("calls.txt", "\n\n", None, "no utterances"),
    ],
)
def test_a_bad_file_of_utterances_is_told_with_its_line(
    tmp_path: Path, name: str, text: str, line: int | None, what: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(PackError, match=what) as caught:
        read_labelled(tmp_path / name)
    assert caught.value.line == line
