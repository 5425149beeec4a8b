"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option("--config", help="configuration as YAML; else the file that VOICEBOT_CONFIG names, else defaults"),
]
