"""Models on disk: numbers in an .npz, what is said of the model in a .json, names in text files, never pickle. Kept by the hash of data,
settings and code.

A running service loads models in a thread, beside its calls. One call into C that makes a hundred thousand strings holds the
interpreter's lock for tens of milliseconds, and all calls stand still; so names are read line by line.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nlu.errors import ModelError
from nlu.model.features import Block, Vocabulary
from nlu.model.fusion import Fusion
from nlu.model.gates import Gate
from nlu.model.heads import LinearHead
from nlu.model.lemmas import Lemmas
from nlu.model.neighbours import Neighbours
from nlu.model.scorer import Model, SemanticHeads
from nlu.model.training import TrainingConfig

FORMAT = 6
Lines = TypeVar("Lines", bound=Sized)
_NOT_SHAPING = ("cli", "tools")
"""Folders of `nlu` that only use models."""


def default_cache() -> Path:
    """Where trained models are kept: $XDG_CACHE_HOME/voicebot/nlu, else ~/.cache/voicebot/nlu."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "voicebot" / "nlu"


def model_version(digests: Sequence[str], config: TrainingConfig, semantic: bool) -> str:
    """The name of the model that these data (own language first) and settings make: 16 hex digits."""
    said = {"format": FORMAT, "code": _code(), "data": list(digests), "semantic": semantic, **asdict(config)}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def shaping_files() -> list[Path]:
    """The files whose change makes another model of the same data: all of `nlu` but what only uses models."""
    root = Path(__file__).parents[1]
    return sorted(path for path in root.rglob("*.py") if path.relative_to(root).parts[0] not in _NOT_SHAPING)


def digest(files: Sequence[Path]) -> str:
    """One hash of the contents of these files, in their order."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


@lru_cache(maxsize=1)
def _code() -> str:
    return digest(shaping_files())


def save(model: Model, folder: Path) -> None:
    """Write `model` into `folder` whole or not at all; a folder that is there already is replaced. Raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".model-") as name:
        fresh, old = Path(name) / "fresh", Path(name) / "old"
        fresh.mkdir()
        np.savez(fresh / "model.npz", **_arrays(model))
        (fresh / "model.json").write_text(json.dumps(_about(model), ensure_ascii=False), encoding="utf-8")
        for name, lines in _names(model).items():
            with (fresh / f"{name}.txt").open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(f"{line}\n" for line in lines)
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)


def _arrays(model: Model) -> dict[str, Any]:
    arrays: dict[str, Any] = {
        "word_idf": model.vocabulary.words.idf,
        "letter_idf": model.vocabulary.letters.idf,
        "margin_weights": model.margin_head.weights.astype(np.float16),
        "margin_bias": model.margin_head.bias,
        "labels": model.labels.astype(np.int32),
    }
    if model.semantic is not None:
        near = model.semantic.neighbours
        arrays |= {
            "mean": near.mean,
            "axes": near.axes,
            "points": near.points.astype(np.float16),
            "order": near.order.astype(np.int32),
            "starts": near.starts.astype(np.int32),
            "present": near.present.astype(np.int32),
        }
        if (linear := model.semantic.linear) is not None:
            arrays |= {"semantic_weights": linear.weights, "semantic_bias": linear.bias}
    return arrays


def _about(model: Model) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": model.version,
        "language": model.language,
        "classes": model.classes,
        "scales": model.fusion.scales,
        "gate": asdict(model.gate),
        "measured": model.measured,
    }


def _names(model: Model) -> dict[str, Iterable[str]]:
    """Lines of each file; none holds a line break or a tab, since normalised text has no white space but single spaces."""
    lemmas = model.vocabulary.lemmas
    return {
        "words": model.vocabulary.words.rows,
        "letters": model.vocabulary.letters.rows,
        "lemmas": map("\t".join, lemmas.table.items()),
        "endings": ("\t".join((ending, *several)) for ending, several in lemmas.endings.items()),
        "texts": model.texts,
    }


def _lines(folder: Path, name: str) -> Iterator[str]:
    with (folder / f"{name}.txt").open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line[:-1]


def read(folder: Path) -> Model:
    """The model in `folder`. Raises ModelError when it is missing, damaged or of another format."""
    try:
        about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise ModelError(f"{folder}: format {about['format']}, this version reads {FORMAT}. Train again")
        with np.load(folder / "model.npz", allow_pickle=False) as arrays:
            return _model(folder, about, dict(arrays))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as err:
        raise ModelError(f"{folder}: the stored model cannot be read ({err}). Delete the folder and train again") from err


def _model(folder: Path, about: dict[str, Any], arrays: dict[str, Any]) -> Model:
    words = _block(folder, "words", arrays["word_idf"])
    letters = _block(folder, "letters", arrays["letter_idf"])
    labels = arrays["labels"].astype(np.intp)
    return Model(
        language=about["language"],
        classes=tuple(about["classes"]),
        vocabulary=Vocabulary(_lemmas(folder), words, letters),
        margin_head=LinearHead(arrays["margin_weights"].astype(np.float32), arrays["margin_bias"]),
        semantic=_semantic(arrays) if "points" in arrays else None,
        fusion=Fusion(tuple(about["scales"])),
        gate=Gate(**about["gate"]),
        texts=tuple(_whole([line for line in _lines(folder, "texts")], len(labels), "texts")),  # noqa: C416 - in steps, see above
        labels=labels,
        version=about["version"],
        measured=about["measured"],
    )


def _block(folder: Path, name: str, idf: Any) -> Block:
    return Block(_whole({line: row for row, line in enumerate(_lines(folder, name))}, len(idf), name), idf)


def _lemmas(folder: Path) -> Lemmas:
    table = {word: lemma for word, _, lemma in (line.partition("\t") for line in _lines(folder, "lemmas"))}
    rows = (line.split("\t") for line in _lines(folder, "endings"))
    return Lemmas.from_table(table, {ending: several for ending, *several in rows})


def _whole(found: Lines, wanted: int, name: str) -> Lines:
    if len(found) != wanted:
        raise ValueError(f"{name}.txt has {len(found)} different lines, and should have {wanted}")
    return found


def _semantic(arrays: dict[str, Any]) -> SemanticHeads:
    near = Neighbours(
        mean=arrays["mean"],
        axes=arrays["axes"],
        points=arrays["points"].astype(np.float32),
        order=arrays["order"].astype(np.intp),
        starts=arrays["starts"].astype(np.intp),
        present=arrays["present"].astype(np.intp),
    )
    known = "semantic_weights" in arrays
    return SemanticHeads(near, LinearHead(arrays["semantic_weights"], arrays["semantic_bias"]) if known else None)
