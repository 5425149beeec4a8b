"""Every command that the pages, the examples and the shipped files name exists, with the options that it is named with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from voicebot.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/**/*.*"),
        *ROOT.glob("deploy/**/*"),
        *ROOT.glob("dialogs/packs/**/*.md"),
    )
    if path.is_file() and path.suffix in (".md", ".yml", ".service", ".timer", ".py", ".conf", "")
)
_COMMAND = re.compile(r"(?:^|[\s`/;|&(])voicebot (?P<words>(?:[a-z][a-z-]+)(?:[^`\n|;&#]*))")
_OPTION = re.compile(r"(?<=[\s(])--[a-z][a-z-]*")


def commands_in(text: str) -> Iterator[tuple[Any, str, list[str]]]:
    """Each command of ours that is named, and its options."""
    root: Any = typer.main.get_command(app)
    for found in _COMMAND.finditer(text):
        command, words = root, found["words"].split()
        name = []
        while isinstance(command, TyperGroup) and words and words[0] in command.commands:
            name.append(words[0])
            command = command.commands[words.pop(0)]
        if command is not root:
            yield command, " ".join(name), _OPTION.findall(found["words"])


def test_commands_are_found_at_all() -> None:
    named = {name for path in PAGES for _, name, _ in commands_in(path.read_text(encoding="utf-8"))}
    assert {"serve", "config check", "nlu predict", "reload", "call"} <= named


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_option_that_is_named_exists(path: Path) -> None:
    wrong = [
        f"voicebot {name} {option}"
        for command, name, options in commands_in(path.read_text(encoding="utf-8"))
        for option in options
        if option not in {each for parameter in command.params for each in (*parameter.opts, *parameter.secondary_opts)}
        and option != "--help"
    ]
    assert wrong == []


def test_every_command_takes_the_configuration_as_the_example_says() -> None:
    """So says its head: every command reads it, or the one named by --config."""
    text = (ROOT / "examples" / "voicebot.yml").read_text(encoding="utf-8")
    for command, name, _ in commands_in(text):
        assert "--config" in {each for parameter in command.params for each in parameter.opts}, name
