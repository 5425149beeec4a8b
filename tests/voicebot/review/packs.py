"""A pack with two matters in Polish, and few examples of each: to read, train and check all of ours takes minutes."""

from __future__ import annotations

import shutil
from pathlib import Path

from nlu.pack.pack import BANK_PACK
from nlu.pack.rasa_yaml import read_file
from nlu.tools.editing import without_examples

_KEPT = ("card_block", "transfer", "out_of_scope")
_EXAMPLES = 150


def small_pack(folder: Path) -> Path:
    shutil.copytree(BANK_PACK, folder, ignore=shutil.ignore_patterns("en", "dev"))
    for file in (folder / "pl").iterdir():
        if file.stem in _KEPT:
            more = {example.line for example in read_file(file).examples[_EXAMPLES:]}
            file.write_text(without_examples(file, more)[0], encoding="utf-8")
        else:
            file.unlink()
    return folder
