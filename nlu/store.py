"""Models on disk: numbers in an .npz, words in a .json, never pickle. Kept by the hash of data and settings."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nlu.errors import ModelError
from nlu.features import Block, Vocabulary
from nlu.fusion import Fusion
from nlu.heads import LinearHead
from nlu.scorer import Gate, Model
from nlu.training import TrainingConfig

FORMAT = 2


def default_cache() -> Path:
    """Where trained models are kept: $XDG_CACHE_HOME/voicebot/nlu, else ~/.cache/voicebot/nlu."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "voicebot" / "nlu"


def model_version(pack_digest: str, config: TrainingConfig, semantic: bool) -> str:
    """The name of the model that this data and these settings make: 16 hex digits."""
    settings = json.dumps({"format": FORMAT, "semantic": semantic, **asdict(config)}, sort_keys=True)
    return hashlib.sha256(f"{pack_digest}\n{settings}".encode()).hexdigest()[:16]


def save(model: Model, folder: Path) -> None:
    """Write `model` into `folder` whole or not at all. Raises OSError when the disk will not have it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".model-") as name:
        temporary = Path(name) / "model"
        temporary.mkdir()
        _write(model, temporary)
        if not folder.exists():
            try:
                temporary.rename(folder)
            except OSError:  # another process was first: its model is the same
                if not folder.exists():
                    raise


def _write(model: Model, folder: Path) -> None:
    arrays: dict[str, Any] = {
        "word_idf": model.vocabulary.words.idf,
        "letter_idf": model.vocabulary.letters.idf,
        "margin_weights": model.margin_head.weights,
        "margin_bias": model.margin_head.bias,
        "vectors": model.vectors.astype(np.float16),
        "labels": model.labels.astype(np.int32),
    }
    if model.semantic_head is not None:
        arrays |= {"semantic_weights": model.semantic_head.weights, "semantic_bias": model.semantic_head.bias}
    words = {
        "format": FORMAT,
        "version": model.version,
        "language": model.language,
        "classes": model.classes,
        "words": list(model.vocabulary.words.rows),
        "letters": list(model.vocabulary.letters.rows),
        "fusion": asdict(model.fusion),
        "gate": asdict(model.gate),
        "texts": model.texts,
        "measured": model.measured,
    }
    np.savez(folder / "model.npz", **arrays)
    (folder / "model.json").write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")


def read(folder: Path) -> Model:
    """The model in `folder`. Raises ModelError when it is missing, damaged or of another format."""
    try:
        words = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        if words["format"] != FORMAT:
            raise ModelError(f"{folder}: format {words['format']}, this version reads {FORMAT}. Train again")
        with np.load(folder / "model.npz", allow_pickle=False) as arrays:
            return _model(words, dict(arrays))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as err:
        raise ModelError(f"{folder}: the stored model cannot be read ({err}). Delete the folder and train again") from err


def _model(words: dict[str, Any], arrays: dict[str, Any]) -> Model:
    semantic = None
    if "semantic_weights" in arrays:
        semantic = LinearHead(arrays["semantic_weights"], arrays["semantic_bias"])
    return Model(
        language=words["language"],
        classes=tuple(words["classes"]),
        vocabulary=Vocabulary(
            words["language"], _block(words["words"], arrays["word_idf"]), _block(words["letters"], arrays["letter_idf"])
        ),
        margin_head=LinearHead(arrays["margin_weights"], arrays["margin_bias"]),
        semantic_head=semantic,
        fusion=Fusion(**words["fusion"]),
        gate=Gate(**words["gate"]),
        vectors=arrays["vectors"].astype(np.float32),
        texts=tuple(words["texts"]),
        labels=arrays["labels"].astype(np.intp),
        version=words["version"],
        measured=words["measured"],
    )


def _block(names: list[str], idf: Any) -> Block:
    return Block({name: row for row, name in enumerate(names)}, idf)
