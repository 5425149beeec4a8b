"""All commands of `voicebot`."""

from __future__ import annotations

import loguru
import typer

from nlu.cli import app as nlu_app
from voicebot.cli.keeping.audit import app as audit_app
from voicebot.cli.keeping.backup import backup, restore
from voicebot.cli.keeping.calls import app as calls_app
from voicebot.cli.keeping.customers import app as customers_app
from voicebot.cli.keeping.figures import app as figures_app
from voicebot.cli.keeping.person import app as person_app
from voicebot.cli.keeping.records import app as records_app
from voicebot.cli.running.asr import app as asr_app
from voicebot.cli.running.config import app as config_app
from voicebot.cli.running.console import app as console_app
from voicebot.cli.running.demo import demo
from voicebot.cli.running.keys import app as keys_app
from voicebot.cli.running.mail import mail
from voicebot.cli.running.models import app as models_app
from voicebot.cli.running.queue_events import app as queue_events_app
from voicebot.cli.running.release import app as release_app
from voicebot.cli.running.reload import reload
from voicebot.cli.running.serve import serve
from voicebot.cli.running.service import app as service_app
from voicebot.cli.running.sip import app as sip_app
from voicebot.cli.running.token import app as token_app
from voicebot.cli.running.web import web
from voicebot.cli.talking.call import call
from voicebot.cli.talking.flow import conversation_tests, flow_app, replay
from voicebot.cli.talking.nlu import with_configuration
from voicebot.cli.talking.prompts import prompts_app
from voicebot.cli.talking.talk import talk

loguru.logger.remove()  # pipecat logs a greeting when imported; `voicebot.logs` decides what is logged

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # [key 1] in the help is not mark-up
    help="Call steering for a bank's hotline.",
)
for command in (demo, serve, reload, web, mail, talk, call, replay, backup, restore):
    app.command()(command)
app.command("test")(conversation_tests)
for name, group in {
    "flow": flow_app,
    "prompts": prompts_app,
    "models": models_app,
    "asr": asr_app,
    "config": config_app,
    "console": console_app,
    "customers": customers_app,
    "records": records_app,
    "calls": calls_app,
    "person": person_app,
    "figures": figures_app,
    "audit": audit_app,
    "keys": keys_app,
    "service": service_app,
    "sip": sip_app,
    "token": token_app,
    "queue-events": queue_events_app,
    "release": release_app,
}.items():
    app.add_typer(group, name=name)
app.add_typer(nlu_app, name="nlu", callback=with_configuration)
