"""`voicebot nlu split`: hold part of the data out, to measure on later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nlu.cli.options import Language, PackFolder, opened, told_plainly

Out = Annotated[Path, typer.Option("--out", help="Folder for the two halves: train/ (a pack) and test/<lang>.yml.")]
Share = Annotated[float, typer.Option("--share", min=0.01, max=0.9, help="Share of each label to hold out.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same split.")]


def split(out: Out, pack: PackFolder = None, lang: Language = "pl", share: Share = 0.2, seed: Seed = 7) -> None:
    """Split a pack into one to train on and a labelled file kept apart; near-duplicates stay together."""
    with told_plainly():
        from nlu.tools.splitting import split_pack

        done = split_pack(opened(pack), lang, out, share, seed)
        print(f"{done.kept} utterances to train on in {done.train}, {done.held_out} held out in {done.test}")
        print(f"measure with: voicebot nlu check --pack {done.train} --lang {lang} --on {done.test}")
