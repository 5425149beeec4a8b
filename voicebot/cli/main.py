"""All commands, under the names of the design."""

from __future__ import annotations

import typer
from nlu.cli import app as nlu_app

from voicebot.cli.call import call
from voicebot.cli.demo import demo
from voicebot.cli.serve import serve
from voicebot.cli.talk import talk

loguru.logger.remove()  # pipecat greets when imported; what is logged is decided by `voicebot.logs`

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Call steering for a bank's hotline."
)
for command in (demo, serve, talk, call):
    app.command()(command)
app.add_typer(nlu_app, name="nlu")
