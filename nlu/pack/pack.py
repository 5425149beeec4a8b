"""A pack: the taxonomy, the costs and the training data that operations people edit, read from one folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nlu.errors import PackError
from nlu.pack.costs import Costs, load_costs
from nlu.pack.rasa_yaml import TrainingData, load_document, read_file, read_files
from nlu.types import OUT_OF_SCOPE, Act

BANK_PACK = Path(__file__).parents[1] / "packs" / "bank"
ACT_LABELS = frozenset(act.value for act in (Act.AFFIRM, Act.DENY, Act.REPEAT, Act.HELP, Act.WAIT, Act.GOODBYE))
"""Labels of training data that are dialogue acts and not matters."""
_NO_LANGUAGE = frozenset({"entities", "dev"})
"""Folders beside those of the languages: named things, and utterances kept apart from training."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One matter of the taxonomy. `names` are by language; `branch` is its parent in the intent tree."""

    id: str
    names: Mapping[str, str]
    branch: str
    queue: str
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """An inner node of the intent tree."""

    id: str
    names: Mapping[str, str]


class Pack:
    """The folder `root`: `intents.yml`, `costs.yml`, `keywords.yml` and `<language>/*.yml` in Rasa 3.1 YAML.

    Files are read when first asked for. Raises PackError when the folder is no pack.
    """

    def __init__(self, root: Path = BANK_PACK) -> None:
        self.root = root
        if not (root / "intents.yml").is_file():
            raise PackError(root, None, "there is no intents.yml here", "Give the folder of a pack, like nlu/packs/bank")

    @cached_property
    def intents(self) -> dict[str, Intent]:
        """The taxonomy by id, in the file's order; `out_of_scope` is never in it."""
        path = self.root / "intents.yml"
        document = load_document(path)
        found: dict[str, Intent] = {}
        for name, entry in _mapping(document, "intents", path).items():
            line = document["intents"].lc.key(name)[0] + 1
            found[name] = _intent(name, entry, path, line)
            if found[name].branch not in self.branches:
                raise PackError(path, line, f"{name} is in an unknown branch {found[name].branch!r}", "Add it under `branches:`")
        return found

    def is_emergency(self, intent: str) -> bool:
        """Whether `intent` is an emergency of the taxonomy; what is not in it is none."""
        found = self.intents.get(intent)
        return found is not None and found.emergency

    @cached_property
    def branches(self) -> dict[str, Branch]:
        """Inner nodes of the intent tree."""
        path = self.root / "intents.yml"
        return {name: Branch(name, dict(names)) for name, names in _mapping(load_document(path), "branches", path).items()}

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages with training data."""
        folders = (folder for folder in self.root.iterdir() if folder.is_dir() and folder.name not in _NO_LANGUAGE)
        return tuple(sorted(folder.name for folder in folders if any(folder.glob("[!.]*.yml"))))

    @cached_property
    def costs(self) -> Costs:
        """What mistakes cost here."""
        return load_costs(self.root / "costs.yml")

    def named_things(self, lang: str) -> TrainingData:
        """Lookups and synonyms of `entities/<lang>.yml`; empty without the file. Raises PackError."""
        path = self._named_things_file(lang)
        return read_file(path) if path.is_file() else TrainingData()

    def _named_things_file(self, lang: str) -> Path:
        return self.root / "entities" / f"{lang}.yml"

    def files(self, lang: str) -> list[Path]:
        """Training files of a language. Raises PackError when there are none."""
        paths = sorted((self.root / lang).glob("[!.]*.yml"))
        if not paths:
            fix = f"Put Rasa 3.1 YAML there, or ask for one of: {', '.join(self.languages) or 'none'}"
            raise PackError(self.root / lang, None, f"no training data for language {lang!r}", fix)
        return paths

    def training_data(self, lang: str) -> TrainingData:
        """All training data of a language, labels checked against the taxonomy. Raises PackError."""
        data = read_files(self.files(lang))
        known = set(self.intents) | ACT_LABELS | {OUT_OF_SCOPE}
        for example in data.examples:
            if example.intent.split("/", maxsplit=1)[0] not in known:
                fix = f"Add it to {self.root / 'intents.yml'} or use one that is there"
                raise PackError(example.path, example.line, f"unknown intent {example.intent!r}", fix)
        return data

    def digest(self, *langs: str) -> str:
        """Hash of everything that shapes a model of these languages: 64 hex digits (SHA-256)."""
        digest = hashlib.sha256()
        names = {path for lang in langs if (path := self._named_things_file(lang)).is_file()}
        for path in sorted({self.root / "intents.yml", *names, *(path for lang in langs for path in self.files(lang))}):
            digest.update(path.relative_to(self.root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()


def _mapping(document: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    value = document.get(key)
    if not isinstance(value, Mapping):
        raise PackError(path, None, f"`{key}:` is missing or not a mapping", f"Add `{key}:` with one entry per name")
    return value


def _intent(name: str, entry: Any, path: Path, line: int) -> Intent:
    missing = [key for key in ("pl", "en", "branch", "queue") if not isinstance(entry, Mapping) or key not in entry]
    if missing:
        raise PackError(path, line, f"{name} lacks {', '.join(missing)}", "Write {pl: …, en: …, branch: …, queue: …}")
    if name == OUT_OF_SCOPE or name in ACT_LABELS:
        raise PackError(path, line, f"{name} is a reserved label", "Choose another id")
    names = {key: str(value) for key, value in entry.items() if key not in {"branch", "queue", "emergency"}}
    return Intent(name, names, str(entry["branch"]), str(entry["queue"]), bool(entry.get("emergency", False)))
