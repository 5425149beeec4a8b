"""`voicebot nlu` with the service's configuration: its pack and its cache of models are what the commands work on."""

from __future__ import annotations

import typer

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config


def with_configuration(context: typer.Context, config: Config = None) -> None:
    """Understanding: train, measure, tune. Pack and cache are those of the configuration, unless a command names others."""
    from voicebot.config.loading import load_settings

    if context.resilient_parsing:
        return
    with told_plainly():
        nlu = load_settings(config).nlu
    named = {name: str(folder) for name, folder in (("pack", nlu.pack), ("cache", nlu.cache_dir)) if folder is not None}
    commands = getattr(context.command, "commands", {})
    context.default_map = {
        name: {each.name: named[each.name] for each in command.params if each.name in named} for name, command in commands.items()
    }
