"""Cross-validations kept on disk: minutes to make, asked for by several tools. Kept by the hash of all that shapes them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nlu
from nlu.model.semantic import SentenceEncoder
from nlu.model.training import Progress, TrainingConfig
from nlu.pack.pack import Pack
from nlu.tools.held_out import Judged, cross_validate
from nlu.types import Act, Decision, Entity, RankedIntent, Understanding
from nlu.understanding.loading import Trainer

log = logging.getLogger(__name__)


def held_out(
    pack: Pack,
    lang: str,
    encoder: SentenceEncoder | None,
    cache: Path,
    *,
    count: int = 3,
    config: TrainingConfig | None = None,
    progress: Progress | None = None,
) -> list[Judged]:
    """`cross_validate`, or what it gave last time when data, costs, settings and program are the same. Raises PackError."""
    config = config or TrainingConfig()
    model = Trainer(pack, (lang,), encoder, cache, config).version(lang)
    path = cache / "held-out" / f"{lang}-{_version(pack, lang, model, count)}.json"
    kept = _read(path)
    if kept is not None:
        examples = pack.training_data(lang).examples
        if len(kept) == len(examples):
            return [Judged(example, found) for example, found in zip(examples, kept, strict=True)]
    judged = cross_validate(pack, lang, encoder, cache, count=count, config=config, progress=progress)
    _write(path, judged)
    return judged


def _version(pack: Pack, lang: str, model: str, count: int) -> str:
    digest = hashlib.sha256(f"{model} {count}".encode())
    data = [pack.root / name for name in ("costs.yml", "keywords.yml", "danger.yml", "ambiguous.yml")]
    program = sorted(Path(nlu.__file__).parent.rglob("*.py"))
    for path in (*data, *program):
        digest.update(path.read_bytes() if path.is_file() else b"\0")
    return digest.hexdigest()[:16]


def _write(path: Path, judged: Sequence[Judged]) -> None:
    """Best effort, whole or not at all."""
    temporary = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps([_flat(one.found) for one in judged], ensure_ascii=False), encoding="utf-8")
        temporary.replace(path)
    except OSError as err:
        log.warning("the cross-validation is not kept: %s cannot be written (%s)", path, err.strerror)


def _flat(found: Understanding) -> dict[str, Any]:
    ranking = [[one.intent, round(one.confidence, 6)] for one in found.ranking]
    return asdict(found) | {"ranking": ranking}


def _read(path: Path) -> list[Understanding] | None:
    """What is kept there, or None when there is nothing usable."""
    try:
        return [_understanding(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _understanding(entry: dict[str, Any]) -> Understanding:
    return Understanding(
        **entry
        | {
            "decision": Decision(entry["decision"]),
            "ranking": tuple(RankedIntent(intent, share) for intent, share in entry["ranking"]),
            "act": Act(entry["act"]) if entry["act"] else None,
            "choices": tuple(entry["choices"]),
            "denied": tuple(entry["denied"]),
            "entities": tuple(Entity(**one) for one in entry["entities"]),
        }
    )
