"""`voicebot nlu diff OLD NEW`: what changes for callers between two packs or two trained models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nlu.cli.options import AsJson, Cache, Language, PackFolder, Semantic, loaded, opened, progress, told_plainly

if TYPE_CHECKING:
    from nlu.model.training import Progress
    from nlu.tools.comparing import Change, Comparison
    from nlu.types import Understanding
    from nlu.understanding.classifier import Classifier

Side = Annotated[Path, typer.Argument(help="Folder of a pack or of a trained model.")]
On = Annotated[
    Path | None,
    typer.Option("--on", help="Utterances to compare on: lines, JSON lines or Rasa YAML.", show_default="NEW's dev set"),
]
Show = Annotated[int, typer.Option("--show", min=0, help="How many changes to print (0: all).")]


def diff(
    old: Side,
    new: Side,
    lang: Language = "pl",
    on: On = None,
    show: Show = 40,
    pack: PackFolder = None,
    as_json: AsJson = False,
    cache: Cache = None,
    semantic: Semantic = None,
) -> None:
    """Understand the same utterances by both and show what changes. `--pack` gives bare models their taxonomy."""
    with told_plainly():
        from nlu.tools.comparing import compare
        from nlu.tools.utterances import read_utterances

        examples = read_utterances(on or _dev_set(new, lang))
        with progress("comparing") as tell:
            sides = [_side(folder, lang, pack, cache, semantic, tell) for folder in (old, new)]
            found = compare(examples, sides[0], sides[1], lang, tell)
        if as_json:
            for change in found.changes:
                print(json.dumps(_as_json(change), ensure_ascii=False))
        else:
            _show(found, show)


def _dev_set(folder: Path, lang: str) -> Path:
    from nlu.errors import PackError

    path = folder / "dev" / f"{lang}.yml"
    if not path.is_file():
        raise PackError(path, None, "there is no dev set to compare on", "Give utterances with --on FILE")
    return path


def _side(folder: Path, lang: str, pack: Path | None, cache: Path | None, semantic: bool | None, tell: Progress) -> Classifier:
    from nlu.model.scorer import Scorer
    from nlu.model.store import read
    from nlu.understanding.classifier import Classifier
    from nlu.understanding.loading import find_encoder

    if not (folder / "model.json").is_file():
        return loaded(opened(folder), lang, cache, semantic, tell)
    model = read(folder)
    if model.language != lang:
        raise typer.BadParameter(f"{folder} is a model of language {model.language!r}; ask for --lang {model.language}")
    return Classifier(opened(pack), {lang: Scorer(model, find_encoder(semantic))})


def _as_json(change: Change) -> dict[str, Any]:
    from nlu.cli.predict import as_json

    return {
        "text": change.new.text,
        "verdict": change.verdict,
        "meant": change.example.intent or None,
        "old": as_json(change.old),
        "new": as_json(change.new),
    }


def _show(found: Comparison, show: int) -> None:
    from rich.text import Text

    from nlu.cli.options import terminal

    console = terminal()
    colours = {"broken": "red", "fixed": "green", "changed": "yellow"}
    for change in found.changes[: show or None]:
        meant = f"  meant {change.example.intent}" if change.example.intent else ""
        line = Text(f"{change.verdict:8}", style=colours[change.verdict]) + Text(change.new.text)
        console.print(line + Text(f"{meant}  {change.example.path.name}:{change.example.line}", style="dim"), soft_wrap=True)
        console.print(Text(f"         {_said(change.old)}  →  {_said(change.new)}"), soft_wrap=True)
    if show and len(found.changes) > show:
        console.print(f"and {len(found.changes) - show} more: --show 0")
    verdicts = [change.verdict for change in found.changes]
    console.print(f"{len(verdicts)} of {found.count} change: " + ", ".join(f"{verdicts.count(name)} {name}" for name in colours))
    if found.old_accuracy is not None and found.new_accuracy is not None:
        console.print(f"accuracy {found.old_accuracy:.1%} → {found.new_accuracy:.1%}")


def _said(found: Understanding) -> str:
    act = f" [{found.act}]" if found.act else ""
    return f"{found.decision} {' or '.join(found.choices) or found.intent} {found.confidence:.2f}{act}"
