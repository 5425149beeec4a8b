"""`voicebot nlu explain TEXT`: why an utterance is understood as it is."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from nlu.cli.options import AsJson, Cache, Language, PackFolder, Semantic, loaded, opened, progress, told_plainly

if TYPE_CHECKING:
    from rich.console import Console

    from nlu.tools.explaining import Explanation

_RANKED = 5
Text = Annotated[str, typer.Argument(help="What the caller said.")]


def explain(
    text: Text,
    lang: Language = "pl",
    pack: PackFolder = None,
    as_json: AsJson = False,
    cache: Cache = None,
    semantic: Semantic = None,
) -> None:
    """Show acts, gate, costs of each decision, bands, nearest examples and the n-grams that spoke."""
    with told_plainly():
        from rich.console import Console

        from nlu.tools.explaining import explain as explained
        from nlu.understanding.loading import find_encoder

        with progress(f"loading {lang}") as tell:
            classifier = loaded(opened(pack), lang, cache, semantic, tell)
        told = explained(text, classifier, lang, find_encoder(semantic))
        if as_json:
            print(json.dumps(asdict(told), ensure_ascii=False, indent=2))
        else:
            _show(told, Console(highlight=False, soft_wrap=True))


def _show(told: Explanation, console: Console) -> None:
    found = told.found
    console.print(f"[bold]{found.decision}[/] {found.intent} {found.confidence:.2f}  ({found.why})")
    _line(console, "heard", told.text)
    _line(console, "read as", told.read_as or "nothing but a dialogue act")
    if found.act is not None:
        _line(console, "act", f"{found.act}" + (" (found by rule)" if told.act is not None else " (by the classifier)"))
    if found.language is not None:
        _line(console, "language", found.language)
    if found.second is not None:
        _line(console, "second matter", found.second)
    for entity in found.entities:
        _line(console, "entity", f"{entity.kind} = {entity.value}  ({entity.text})")
    _line(console, "ranking", ", ".join(f"{one.intent} {one.confidence:.3f}" for one in found.ranking[:_RANKED]))
    if told.read_as:
        _show_reasons(told, console)


def _show_reasons(told: Explanation, console: Console) -> None:
    verdict = "like what was taught" if told.familiar else "like nothing that was taught: half the belief goes out of scope"
    _line(console, "gate", f"{told.gate:.3f}, threshold {told.gate_threshold:.3f}: {verdict}")
    costs = (f"{one.decision} {' or '.join(one.choices) or one.intent} {one.cost:.2f}" for one in told.options)
    _line(console, "mean cost", ", ".join(costs))
    if told.bands:
        steps = ", ".join(f"{band.decision} {band.intent} from {band.low:.2f}" for band in told.bands)
        _line(console, "bands", f"as {told.first} gets likelier: {steps}")
    for one in told.nearest:
        _line(console, "nearest", f"{one.likeness:.3f} {one.intent}: {one.text}")
    spoke = ", ".join(f"{one.feature} {one.weight:+.2f}" for one in told.ngrams)
    _line(console, "n-grams", f"for {told.first} against {told.second}: {spoke or 'none that the model knows'}")


def _line(console: Console, name: str, value: str) -> None:
    from rich.text import Text as Styled

    console.print(Styled(f"  {name:14}", style="cyan") + Styled(value))
