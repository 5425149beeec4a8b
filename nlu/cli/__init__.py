"""`voicebot nlu`: what operations people tune understanding with. Each command's module imports what it needs when it runs."""

from __future__ import annotations

import typer

from nlu.cli.check import check
from nlu.cli.cluster import cluster
from nlu.cli.diff import diff
from nlu.cli.explain import explain
from nlu.cli.lint import lint
from nlu.cli.predict import predict
from nlu.cli.split import split
from nlu.cli.threshold import threshold
from nlu.cli.train import train

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Understanding: train, measure, tune."
)
for command in (train, predict, check, lint, explain, threshold, diff, cluster, split):
    app.command()(command)

__all__ = ["app"]
