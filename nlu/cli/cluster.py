"""`voicebot nlu cluster FILE`: what the model is unsure of, in groups, accepted into the training data one by one."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nlu.cli.options import AsJson, Cache, Language, PackFolder, Semantic, loaded, opened, progress, told_plainly

if TYPE_CHECKING:
    from nlu.pack.pack import Pack
    from nlu.tools.clustering import Cluster, Member

File = Annotated[Path, typer.Argument(help="Utterances of calls: lines, JSON lines with `text`, or Rasa YAML.")]
Below = Annotated[float, typer.Option("--below", min=0, max=1, help="Take accepted utterances under this confidence too.")]
Least = Annotated[int, typer.Option("--least", min=1, help="Smallest group to show.")]
Accept = Annotated[bool, typer.Option("--accept", help="Ask about each utterance and write it into the pack.")]
_SHOWN = 8


def cluster(
    file: File,
    lang: Language = "pl",
    pack: PackFolder = None,
    below: Below = 0.6,
    least: Least = 2,
    accept: Accept = False,
    as_json: AsJson = False,
    cache: Cache = None,
    semantic: Semantic = None,
) -> None:
    """Gather low-confidence utterances into suggested intents; --accept adds them to the pack's YAML, comments kept."""
    with told_plainly():
        from nlu.tools.clustering import cluster as gathered
        from nlu.tools.clustering import unsure
        from nlu.tools.held_out import judge
        from nlu.tools.utterances import read_utterances
        from nlu.understanding.loading import find_encoder

        chosen = opened(pack)
        examples = read_utterances(file)
        with progress(f"understanding {file.name}") as tell:
            classifier = loaded(chosen, lang, cache, semantic, tell)
            doubtful = unsure(judge(examples, classifier, lang, tell), below)
            clusters = gathered(doubtful, classifier.scorers[lang].model.vocabulary, find_encoder(semantic), lang, least)
        if as_json:
            print(json.dumps([_as_json(one) for one in clusters], ensure_ascii=False, indent=2))
            return
        alone = len(doubtful) - sum(one.count for one in clusters)
        print(f"{len(examples)} utterances, {len(doubtful)} of them doubtful, {len(clusters)} groups{_left(alone, least)}")
        if accept:
            print(f"{_ask(clusters, chosen, lang)} utterances written")
        else:
            for number, one in enumerate(clusters, 1):
                _show(number, one, _SHOWN)


def _left(alone: int, least: int) -> str:
    return f"; {alone} in smaller ones (--least 1 shows them)" if alone and least > 1 else ""


def _as_json(one: Cluster) -> dict[str, object]:
    members = [{"text": member.text, "count": member.count, "confidence": round(member.confidence, 4)} for member in one.members]
    return {**asdict(one), "count": one.count, "members": members}


def _show(number: int, one: Cluster, most: int) -> None:
    suggestion = f"{one.suggestion} ({one.share:.2f})" if one.suggestion else "no idea: a new intent, or out_of_scope"
    print(f"\n{number}. {one.count} utterances: {', '.join(one.words)}; suggested: {suggestion}")
    for member in one.members[:most]:
        print(f"   {_line(member)}")
    if len(one.members) > most:
        print(f"   and {len(one.members) - most} more")


def _line(member: Member) -> str:
    times = f"  {member.count}×" if member.count > 1 else ""
    return f"{member.confidence:.2f} {member.text}{times}"


def _ask(clusters: list[Cluster], pack: Pack, lang: str) -> int:
    """Ask about each utterance; how many were written. Each is on disk before the next is asked about."""
    from nlu.pack.pack import ACT_LABELS
    from nlu.tools.editing import add_example
    from nlu.types import OUT_OF_SCOPE

    labels = {*pack.intents, *ACT_LABELS, OUT_OF_SCOPE}
    written = 0
    for number, one in enumerate(clusters, 1):
        _show(number, one, 0)
        for member in one.members:
            answer = _answer(member, one.suggestion, labels)
            if answer == "q":
                return written
            if answer == "n":
                break
            if answer != "s":
                path = add_example(pack.root / lang, answer, member.text)
                print(f"   {answer}: written to {path}")
                written += 1
    return written


def _answer(member: Member, suggestion: str | None, labels: set[str]) -> str:
    """A label, "s" (skip this one), "n" (next group) or "q" (stop). End of input stops."""
    keys = "s skip, n next group, q quit, or an intent"
    while True:
        try:
            answer = typer.prompt(f"   {_line(member)}\n   {keys}", default=suggestion or "s")
        except typer.Abort:
            return "q"
        answer = str(answer).strip()
        if answer in labels or answer in {"s", "n", "q"}:
            return answer
        print(f"   {answer!r} is no intent of this pack; there are: {', '.join(sorted(labels))}")
