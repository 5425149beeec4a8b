"""`voicebot nlu check`: how good the model is on what it has not seen, and where it errs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nlu.cli.options import AsJson, Cache, Language, PackFolder, Semantic, loaded, opened, progress, told_plainly

if TYPE_CHECKING:
    from nlu.pack.pack import Pack
    from nlu.tools.contrast import Contrast
    from nlu.tools.held_out import Judged

On = Annotated[
    Path | None,
    typer.Option("--on", help="Judge the trained model on this labelled file instead.", show_default=False),
]
Folds = Annotated[int, typer.Option("--folds", min=2, max=20, help="Folds of the cross-validation.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write the report as one HTML page.", show_default=False)]
Pairs = Annotated[int, typer.Option("--pairs", min=0, help="How many confused pairs to print.")]


def check(
    pack: PackFolder = None,
    lang: Language = "pl",
    on: On = None,
    folds: Folds = 3,
    pairs: Pairs = 15,
    as_json: AsJson = False,
    html: Html = None,
    cache: Cache = None,
    semantic: Semantic = None,
) -> None:
    """Measure by grouped cross-validation, or on a file kept apart: accuracy, F1, calibration, confusions, decisions."""
    with told_plainly():
        from nlu.tools.measures import measure

        chosen = opened(pack)
        judged, how = judgements(chosen, lang, on, folds, cache, semantic)
        report = measure(judged, chosen, lang, how)
        if html is not None:
            from nlu.tools.report_html import html_page

            write(html, html_page([report], f"Understanding, {lang}: {chosen.root.name}"))
        contrast = contrasted(chosen, lang, cache, semantic)
        if as_json:
            told = asdict(report) | {"contrast": None if contrast is None else asdict(contrast)}
            print(json.dumps(told, ensure_ascii=False, indent=2))
        else:
            from nlu.cli.options import terminal
            from nlu.tools.report_text import text_report

            terminal().print(text_report(report, pairs=pairs))
            if contrast is not None:
                shares = f"{contrast.right:.1%} understood, {contrast.silently_wrong:.1%} silently wrong"
                print(f"denials and corrections: {shares}, of {contrast.count} lines kept apart")
            if html is not None:
                print(f"written: {html}")


def judgements(
    pack: Pack, lang: str, on: Path | None, folds: int, cache: Path | None, semantic: bool | None
) -> tuple[list[Judged], str]:
    """Utterances judged by models that had not seen them, and how that was done. Raises NluError."""
    from nlu.model.store import default_cache
    from nlu.tools.held_out import ALL_RANKED, judge
    from nlu.tools.held_out_store import held_out
    from nlu.tools.utterances import read_labelled
    from nlu.understanding.classifier import Classifier
    from nlu.understanding.loading import find_encoder

    if on is None:
        with progress(f"cross-validating {lang}") as tell:
            judged = held_out(pack, lang, find_encoder(semantic), cache or default_cache(), count=folds, progress=tell)
        return judged, f"cross-validated in {folds} folds"
    examples = read_labelled(on)
    with progress(f"judging {on.name}") as tell:
        scorers = loaded(pack, lang, cache, semantic, tell).scorers
        classifier = Classifier(pack, scorers, ranked=ALL_RANKED)
        return judge(examples, classifier, lang, tell), f"on {on.name}"


def contrasted(pack: Pack, lang: str, cache: Path | None, semantic: bool | None) -> Contrast | None:
    """The trained model on the pack's denials and corrections; None when it has none. Raises NluError."""
    from nlu.tools.contrast import contrast_file, measure_contrast

    if not contrast_file(pack, lang).is_file():
        return None
    with progress("denials and corrections") as tell:
        return measure_contrast(pack, loaded(pack, lang, cache, semantic, tell), lang)


def write(path: Path, text: str) -> None:
    """Write a file that was asked for. Exits with 2 when it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as err:
        print(f"{path}: cannot be written ({err.strerror}). Give a folder that exists and may be written to", file=sys.stderr)
        raise typer.Exit(2) from err
