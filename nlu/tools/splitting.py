"""Splitting a pack in two: one to train on, and a file of labelled utterances kept apart, near-duplicates never on both sides."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nlu.errors import PackError
from nlu.pack.pack import Pack
from nlu.pack.rasa_yaml import Example
from nlu.tools.editing import Taken, labelled_file, without_examples
from nlu.tools.wording import duplicate_groups, normalised

_BESIDE = ("intents.yml", "costs.yml", "keywords.yml")


@dataclass(frozen=True, slots=True)
class Split:
    """Where the two halves are, and how many utterances each has."""

    train: Path
    test: Path
    kept: int
    held_out: int


def choose_test(examples: Sequence[Example], lang: str, share: float, seed: int) -> list[int]:
    """Numbers of examples to hold out: about `share` (0..1) of each label, whole groups of near-duplicates. Sorted."""
    groups = duplicate_groups(normalised(examples, lang), lang)
    members: dict[int, list[int]] = {}
    for number, group in enumerate(groups):
        members.setdefault(int(group), []).append(number)
    of_label: dict[str, list[list[int]]] = {}
    for numbers in members.values():
        of_label.setdefault(examples[numbers[0]].intent, []).append(numbers)
    chosen: list[int] = []
    shuffle = random.Random(seed).shuffle  # noqa: S311 (a draw that must repeat, no secret)
    for _, found in sorted(of_label.items()):
        shuffle(found)
        wanted = round(share * sum(map(len, found)))
        taken = 0
        for numbers in found[:-1]:  # something is always left to learn from
            if taken + len(numbers) <= wanted:
                chosen += numbers
                taken += len(numbers)
    return sorted(chosen)


def split_pack(pack: Pack, lang: str, out: Path, share: float = 0.2, seed: int = 7) -> Split:
    """Write `out/train` (a pack, comments kept) and `out/test/<lang>.yml`. Raises PackError, also when `out` has them already."""
    train, test = out / "train", out / "test" / f"{lang}.yml"
    for there in (train / lang, test):
        if there.exists():
            raise PackError(there, None, "is there already", "Give another folder with --out, or take this one away")
    examples = pack.training_data(lang).examples
    held = choose_test(examples, lang, share, seed)
    lines: dict[Path, set[int]] = {}
    for number in held:
        lines.setdefault(examples[number].path, set()).add(examples[number].line)
    try:
        taken = _write_train(pack, lang, train, lines)
        test.parent.mkdir(parents=True, exist_ok=True)
        comment = f"{share:.0%} of each label of {pack.root.name}, kept apart. Never train on it."
        test.write_text(labelled_file(taken, comment), encoding="utf-8")
    except OSError as err:
        raise PackError(out, None, f"cannot be written ({err.strerror})", "Give a folder of yours with --out") from err
    return Split(train, test, len(examples) - len(taken), len(taken))


def _write_train(pack: Pack, lang: str, train: Path, lines: dict[Path, set[int]]) -> list[Taken]:
    (train / lang).mkdir(parents=True)
    for name in _BESIDE:
        if (pack.root / name).is_file():
            shutil.copy(pack.root / name, train / name)
    named_things = pack.root / "entities" / f"{lang}.yml"
    if named_things.is_file():
        (train / "entities").mkdir(exist_ok=True)
        shutil.copy(named_things, train / "entities" / named_things.name)
    taken: list[Taken] = []
    for path in pack.files(lang):
        if path not in lines:
            shutil.copy(path, train / lang / path.name)
            continue
        text, out = without_examples(path, lines[path])
        (train / lang / path.name).write_text(text, encoding="utf-8")
        taken += out
    return taken
