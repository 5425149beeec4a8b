"""`voicebot nlu threshold`: what other costs or thresholds would do to callers."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from nlu.cli.check import Folds, On, judgements
from nlu.cli.options import AsJson, Cache, Language, PackFolder, Semantic, opened, told_plainly

if TYPE_CHECKING:
    from nlu.tools.what_if import Outcome

Vary = Annotated[str, typer.Option("--vary", help="The cost of costs.yml to vary.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Another cost, like wrong_queue=12 (may be repeated).", show_default=False)
]


def threshold(
    pack: PackFolder = None,
    lang: Language = "pl",
    vary: Vary = "wrong_queue",
    wished: Set = None,
    on: On = None,
    folds: Folds = 3,
    as_json: AsJson = False,
    cache: Cache = None,
    semantic: Semantic = None,
) -> None:
    """What-if table: accepted, confirmed, asked again, silently wrong, and cost per thousand calls at today's costs."""
    with told_plainly():
        from nlu.tools.what_if import cost_names, table

        changes = dict(_change(entry) for entry in wished or ())
        for name in (vary, *changes):
            if name not in cost_names():
                raise typer.BadParameter(f"unknown cost {name!r}; use one of {', '.join(cost_names())}")
        chosen = opened(pack)
        judged, how = judgements(chosen, lang, on, folds, cache, semantic)
        outcomes = table(judged, chosen, vary, changes)
        if as_json:
            print(json.dumps([asdict(one) for one in outcomes], ensure_ascii=False, indent=2))
        else:
            _show(outcomes, f"{lang}: {len(judged)} utterances, {how}")


def _change(entry: str) -> tuple[str, float]:
    name, _, value = entry.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not number >= 0:
        raise typer.BadParameter(f"{entry!r} is not a cost and a number of at least 0; write it like wrong_queue=12")
    return name.strip(), number


def _show(outcomes: list[Outcome], title: str) -> None:
    from rich.table import Table

    from nlu.cli.options import terminal

    grid = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    grid.add_column("if", no_wrap=True)
    for column in (
        "accept",
        "confirm",
        "choice",
        "again",
        "silently wrong",
        "wrong queue",
        "missed emerg.",
        "cost / 1000",
    ):
        grid.add_column(column, justify="right", overflow="fold")
    least = min(one.cost for one in outcomes)
    for one in outcomes:
        shares = (one.accepted, one.confirmed, one.chosen, one.rejected, one.silently_wrong, one.wrong_queue)
        style = "bold" if one.cost == least else None
        grid.add_row(one.name, *(f"{share:.1%}" for share in shares), str(one.missed_emergencies), f"{one.cost:.0f}", style=style)
    terminal().print(grid)
