"""`voicebot nlu lint`: everything wrong with the data of a pack, with the fix."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from nlu.cli.options import AsJson, Language, PackFolder, opened, progress, told_plainly

if TYPE_CHECKING:
    from nlu.tools.lint import Complaint

Show = Annotated[int, typer.Option("--show", min=0, help="How many complaints of each rule to print (0: all).")]
Only = Annotated[list[str] | None, typer.Option("--only", help="Only this rule (may be repeated).", show_default="all rules")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 on warnings too.")]


def lint(
    pack: PackFolder = None,
    lang: Language = "pl",
    show: Show = 20,
    only: Only = None,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Look for duplicates, contradictions, label errors, thin intents, personal data, bad mark-up. Exit 1 on errors."""
    with told_plainly():
        from nlu.tools.lint import Level
        from nlu.tools.lint import lint as find_complaints

        with progress(f"linting {lang}") as tell:
            complaints = find_complaints(opened(pack), lang, tell)
    if only:
        complaints = [one for one in complaints if one.rule in only]
    _print(complaints, show, as_json)
    bad = complaints if strict else [one for one in complaints if one.level is Level.ERROR]
    if bad:
        raise typer.Exit(1)


def _print(complaints: list[Complaint], show: int, as_json: bool) -> None:
    if as_json:
        keys = ("level", "rule", "line", "what", "fix")
        for one in complaints:
            print(json.dumps({"path": str(one.path)} | {key: getattr(one, key) for key in keys}, ensure_ascii=False))
        return
    printed: Counter[str] = Counter()
    for one in complaints:
        printed[one.rule] += 1
        if not show or printed[one.rule] <= show:
            print(one)
    for rule, count in sorted(printed.items()):
        hidden = f" ({count - show} more: --show 0 --only {rule})" if show and count > show else ""
        print(f"{count:6} {rule}{hidden}", file=sys.stderr)
    errors = sum(one.level == "error" for one in complaints)
    print(f"{errors} errors, {len(complaints) - errors} warnings", file=sys.stderr)
